// Package kv is the contract of the stores: what a record and a blob are, and the few atomic steps on which convergence
// rests. rediskv and boltkv implement it; kvtest.ExerciseRecords and kvtest.ExerciseBlobs test that they do.
// There are two stores, Records and Blobs, which may be the same one by configuration. All keys of an entity have the
// hash tag {kind:token}, and so share a slot of Redis Cluster:
//
//	rec:{sku:100012}:product       a record: header and body
//	gen:{sku:100012}               hash: the entity's State
//	blob:{sku:100012}:item         a blob: header and body
//	rel:{brand:8557}:sku:brand     ids of the SKUs whose ref "brand" names brand 8557, the first 1,024 of them
//	rel:{brand:8557#3f}:sku:brand  the others, in one of 256 buckets
//	lineage:{TAG}                  which life of a part of the store this is, and a mark: see Part
//
// # The rules
//
// Every write of a record gives it a new stamp, issued by the store. A worker reads the stamp before it fetches. A Put
// is accepted only while the record still has that stamp; otherwise it answers Changed, and the worker fetches again.
// So an answer that was overtaken between fetch and put is never stored.
//
// The put and the increase of its dimension's gen are one atomic step. Stamps and gens of an entity come from one
// counter: max(last+1, the store's clock in unix µs), so that none repeats after a flush. A Put with Same set gives a
// new stamp and no new gen.
//
// The state of an entity expires with the last of its records. An unknown id leaves nothing behind an hour later, and a
// deleted entity nothing after 90 days. While one record is kept for ever, so is the state.
//
// A blob's gen is the highest among the gens of its dimensions. The blob is dirty exactly when that exceeds what
// State.Built holds for it. The syncer reads gens first, then records, so what it folds is never older than the gen
// under which it is written.
package kv
