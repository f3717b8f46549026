package kv

import "context"

// Part is a part of a store that can lose what it holds by itself: a whole file, a server, or a range of a
// Cluster's slots, which one master holds at a time.
//
// A part that loses anything loses the last of its writes: a snapshot, a log of commands, a replica that lags and an
// older file are all a state that the part once had. So what is lost was written after the mark that is found.
type Part struct {
	Name  string
	Epoch string // random; another one than before tells of a part that was emptied or replaced
	Run   string // another one than before tells of a restart or a failover, at which the last writes may have been lost; "" where it can't be known
	Mark  []byte // what Mark left; nil for nothing
}

// Lineage tells which life of a store this is.
type Lineage interface {
	// Parts lists the parts, always in the same order. A part without an epoch gets one.
	Parts(ctx context.Context) ([]Part, error)
	// Mark leaves a mark in each of the parts. Where one has another epoch or run by now it is left alone, and the
	// answer is item.ErrChanged.
	Mark(ctx context.Context, parts []Part, mark []byte) error
}
