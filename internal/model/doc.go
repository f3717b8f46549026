// Package model walks through every run of small systems that follow the rules of docs/convergence.md, and looks whether
// all is right when all is at rest. It is for tests.
//
// Each subject has a file, and a system of its own, small enough to be walked whole:
//
//	loop        from a change to a cached page: stamps, gens, announcements, acknowledgements
//	attempts    a fetch that fails: what is tried again, parked, given up
//	patience    an answer no newer than the record: a replica that lags, an owner that was restored
//	lag         edits at any time, beside replicas that lag: merged changes, an emptied store, lost streams
//	refs        what a record refers to: announced, and in the relation index
//	walks       streams that are lost: what is announced again, and when that is noted as done
//	catalogs    processes with different catalogs and binaries; the sweep that follows
//	lostwrites  a store that comes back older than it was
//	dictionary  a store that loses what its values are compressed with
//
// A state is everything there is: what the upstream says, what stands in the streams, in the store and in the
// cache, and how far each worker has come. A step is one atomic act of one of them. Every step is taken from every
// state, so that every interleaving is seen, with as many faults as a Scenario allows.
//
// A Mutant is a rule of docs/convergence.md broken. That Explore finds a wrong end for each of them shows that the
// rule is needed, and that the model would notice.
package model
