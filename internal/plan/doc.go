// Package plan computes what a shop of a given size needs, from what runs of this program cost.
//
// A run measures quantities, such as the CPU time of heterog. Each quantity is taken to be a fixed part and a part for each unit of what
// drives it, such as a change. Costs are both parts of every quantity, fitted to runs of several sizes.
package plan
