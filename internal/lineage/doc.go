// Package lineage notices that a store or a stream lost what it held, and has it fetched again.
//
// A store has parts that can lose data by themselves (kv.Part). Redis that is restarted from a snapshot, or fails over to
// a replica that lags, and a file that is replaced by an older one, go back to a state that they once had: a part loses
// the last of its writes, or all of them. Therefore the agent leaves a mark in each part, which says how far the changes
// had come:
//
//	mark.Done     each change published before had been done with, in CHANGES and PARKED alike
//	mark.History  how far HISTORY had come
//
// A write that is lost came after the mark that is found there. Its change was acknowledged later than the write, so when
// the mark was made the change was not done with, or not published: it was published at mark.Done or later, and HISTORY
// has it. No clock but NATS's takes part.
//
//	what is seen                                                  what is done
//	another run of a part (restart, failover)                     HISTORY is replayed from the part's mark on, forced
//	no mark in a part, or HISTORY does not reach back so far      everything is announced
//	a work queue was made anew, HISTORY is behind a mark or has   everything is announced
//	  a younger message there (NATS was rolled back)
//	the machine went down under an embedded NATS                  everything is announced
//	a part of a Cluster, or of a blobs store of its own, changed  every entity is folded again where a blob or a relation lacks
//
// Everything is what the upstreams list, what the stores have, and what HISTORY names: an article that was deleted is no
// longer listed, and a kind may have no list.
//
// The replay is forced, and so is what is announced in its place, so that equal content gets a new gen too. Caches may hold
// a blob whose gen is lost:
//
//	record a (gen 1) ── b (gen 2), announced, cached ── gen 2 is lost ── a again: equal to what the store holds
//
// Where changes were lost, the walk waits (Config.Lag). An upstream may answer from a replica that lags, so that a change which is
// announced is looked at a second time where nothing new was found. That second look was lost together with the change, and
// what is announced in a walk has none:
//
//	edit ── change, fetched: nothing new yet, a second look is due ── NATS loses both ── walk, fetched: must not lag any more
//
// Marks, and which life of each part and queue was seen last (the key "lineage" of the bucket "marks"), move only when
// all that a loss calls for was announced. Until then the evidence stays, and whoever starts next begins where it was
// left: how far a repair has come is kept under the key "repair".
package lineage
