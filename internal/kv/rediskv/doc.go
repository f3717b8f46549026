// Package rediskv keeps the contract of package kv in Redis, one server or a Cluster.
//
// # Keys and fields
//
// The keys are those of package kv. A record or blob is one string, as kv.Encode wrote it; bytes 2 to 9 are
// its stamp or gen, big-endian, and are what the scripts compare. The hash gen:{kind:token} has the fields
//
//	n        the entity's counter: the last stamp or gen that was issued
//	g:<dim>  the dimension's gen
//	b:<blob> the gen up to which the blob is built and announced
//	w:<dim>  refs of the record in force, as JSON; no field for none
//	a:<dim>  refs that the relation index holds, likewise
//	x:<dim>  versions of the entity's members in those lists, as JSON; no field while all are the first
//	v:<dim>  the record's validators, as JSON; no field for none
//
// The hash ends with the last of the entity's records, which the scripts ask for their time: an id that nobody has
// leaves nothing behind. A put of a value that is kept for ever makes the hash stay, too.
//
// # Atomic steps
//
// Each write of a record, each blob's compare-and-set, and each change of the hash is one Lua script over
// keys of one slot, so Redis runs it alone. Every script's first write is one that Redis refuses when it is
// out of memory; once one write has passed Redis lets the rest of a script pass too, so none is half done.
//
// A script that was sent again after its answer was lost is harmless: a put finds that the stamp moved and
// answers Changed, the others come to the same end.
//
// Lua numbers lose bits above 2^53. The counter is in µs since 1970 and stays below that until the year 2255;
// all else is compared as bytes, or as decimal digits by length first.
package rediskv
