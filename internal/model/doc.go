// Package model is a model checker for the rules of docs/convergence.md. It explores every run of small systems that follow these rules, and
// checks that each run comes to rest and that everything is right at rest. It is for tests.
//
// Each subject has a file, and a system small enough to be explored completely:
//
//	loop        from a change to a cached page: stamps, gens, announcements, acknowledgements
//	attempts    a fetch that fails: what is tried again, parked, given up
//	patience    an answer no newer than the record: a replica that lags, an upstream that was restored
//	lag         edits at any time, beside replicas that lag: merged changes, an emptied store, lost streams
//	refs        what a record refers to: announced, and in the relation index
//	walks       streams that are lost: what is announced again, and when that is noted as done
//	catalogs    processes with different catalogs and binaries; the sweep that follows
//	lostwrites  a store that comes back older than it was
//	divided     a master that goes on taking writes while another one has taken over
//	dictionary  a store that loses what its values are compressed with
//
// A state is the whole system: what the upstream says, the contents of the streams, the store and the cache, and the position of each
// worker. A step is one atomic action of one participant. Every possible step is taken from every state. So every interleaving is explored,
// with as many faults as a Scenario allows.
//
// A Mutant breaks one rule. Explore must find a wrong end for each mutant. That shows that the rule is needed, and that the model would
// notice its absence.
package model
