package kv

import (
	"context"
	"time"
)

// Shard is a part of a store that can lose its data independently: a whole file, a server, or a range of a Cluster's
// slots, which one master holds at a time.
//
// A part that loses anything loses the last of its writes: a snapshot, an append-only file, a lagging replica and an
// older file are all states that the part once had. So what was lost was written after the mark that is found.
type Shard struct {
	Name  string
	Epoch string // random; a different one means that the part was emptied or replaced
	Run   string // a different one means a restart or a failover, in which the last writes may have been lost; "" if unknown
	Mark  []byte // what Lineage.Mark stored; nil for nothing

	// Whole is set if everything of an entity is in one part, also its blobs and its memberships in lists: then a part that lost
	// something lacks nothing of entities in other parts.
	Whole bool

	// Clock is what the clock said from which the part's gens come; zero where that is one and the same in each life.
	Clock time.Time

	// Term is the term that was set in the part; 0 for none. Of two servers that both take themselves for the master of the part, the
	// one with the lower term is the old one.
	Term uint64
}

// Lineage identifies the life of a store, and lets a mark be stored in each of its parts.
type Lineage interface {
	// Parts lists the parts, always in the same order. A part without an epoch gets one.
	Parts(ctx context.Context) ([]Shard, error)
	// Mark stores a mark in each of the parts. A part that has another epoch or run by now is left alone, and the error
	// is item.ErrChanged.
	Mark(ctx context.Context, parts []Shard, mark []byte) error
}
