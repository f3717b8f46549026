// Package lineage notices that a store or a stream has lost data, and has that data fetched again.
//
// A store has parts that can lose data independently (kv.Part). A Redis that restarts from a snapshot or fails over to
// a lagging replica, and a file that is replaced by an older one, return to an earlier state: the part loses the last
// of its writes, or all of them. So the agent leaves a mark in each part, which holds the position of the changes:
//
//	mark.Done     each change published before had been done with, in CHANGES and PARKED alike
//	mark.History  how far HISTORY had come
//
// A lost write came after the mark that is found there. Its change was acknowledged after the write, so when the mark
// was made the change was not yet handled, or not yet published. It was therefore published at mark.Done or later, and
// HISTORY has it. Only NATS's clock takes part.
//
//	what is seen                                                  what is done
//	another run of a part (restart, failover)                     HISTORY is replayed from the part's mark on, forced
//	no mark in a part, or HISTORY does not reach back so far      everything is announced
//	a work queue was made anew, HISTORY is behind a mark or has   everything is announced
//	  a younger message there (NATS was rolled back)
//	the machine went down under an embedded NATS                  everything is announced
//	notices of another room were missed                           everything is announced
//	a part of a Cluster, or of a blobs store of its own, changed  every entity is folded again where a blob or a relation lacks
//
// Everything is what the upstreams list, what the stores have, and what HISTORY names: a deleted article is no longer
// listed, and a kind may have no list.
//
// The replay is forced, and so are the announcements in its place, so that equal content gets a new gen, too. Caches
// may hold a blob whose gen was lost:
//
//	record a (gen 1) ── b (gen 2), announced, cached ── gen 2 is lost ── a again: equal to what the store holds
//
// If changes were lost, the walk waits (Config.Lag). An upstream may answer from a lagging replica, so a change for
// which nothing new was found gets a second look. That second look was lost together with the change, and the
// announcements of a walk get none:
//
//	edit ── change, fetched: nothing new yet, a second look is due ── NATS loses both ── walk, fetched: must not lag any more
//
// Where a store was emptied and no change was lost, the walk begins at once, and what HISTORY has of the moment before is replayed
// besides: the record that was up to date is gone, and the walk may ask a replica that lags. What is replayed is looked at twice.
//
// A master that is cut off may go on taking writes after that. So the server that has taken over gets a term, below which no process writes
// any more, before anything is replayed: see term.go.
//
// The marks, and the last known lives of all parts and queues (the key "lineage" of the bucket "marks"), are updated
// only when everything that a loss requires was announced. Until then the evidence stays, and the next process to start
// continues the repair: its progress is stored under the key "repair".
package lineage
