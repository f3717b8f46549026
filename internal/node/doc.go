// Package node is one process: its role, what that role depends on, and the lifetime of each part.
//
// The Run methods of Room (one role of a data centre) and of Up (all roles in one process) make a process. It opens
// what its role needs, starts the agents of the stages and of package control, and ends them when its context ends. No
// other package starts agents.
package node
