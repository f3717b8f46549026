// Package node is what one process runs: its role, what that role stands on, and how long each part of it lives.
//
// A process is made by the Run functions of Room (one role of a data centre) and of Up (all roles in one process). It opens what
// its role needs, starts the agents of the stages and of package control, and ends them when its context does. It alone starts
// what runs.
package node
