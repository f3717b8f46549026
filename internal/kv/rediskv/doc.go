// Package rediskv implements the contract of package kv in Redis, on one server or a Cluster.
//
// # Keys and fields
//
// The keys are those of package kv. A record or a blob is one string, as kv.Encode wrote it. Bytes 2 to 9 are its stamp
// or gen, big-endian, which the scripts compare. The hash gen:{kind:token} has the fields
//
//	n        the entity's counter: the last stamp or gen that was issued
//	g:<dim>  the dimension's gen
//	b:<blob> the gen up to which the blob is built and announced
//	w:<dim>  refs of the record in force, as JSON; no field for none
//	a:<dim>  refs that the relation index holds, likewise
//	x:<dim>  versions of the entity's members in those lists, as JSON; no field while all are the first
//	v:<dim>  the record's validators, as JSON; no field for none
//
// The hash expires with the last of the entity's records, whose times to live the scripts ask for, so an unknown id
// leaves nothing behind. A put of a value that is kept for ever makes the hash persistent, too.
//
// # Atomic steps
//
// Each write of a record, each compare-and-set of a blob, and each change of the hash is one Lua script over keys of
// one slot, so Redis runs it alone. Every script's first write is one that Redis refuses when it is out of memory. Once
// one write has passed, Redis lets the rest of the script pass, so no script is half done.
//
// A script that is sent again because its answer was lost is harmless: a put finds that the stamp has changed and
// answers Changed; the others have the same result.
//
// Lua numbers lose bits above 2^53. The counter is in µs since 1970 and stays below that until the year 2255. All else
// is compared as bytes, or as decimal digits by length first.
package rediskv
