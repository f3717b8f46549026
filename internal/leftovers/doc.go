// Package leftovers removes what earlier catalogs left behind: records, blobs and lists of the relation index under
// names that no catalog has any more.
//
// A catalog may be rolled back, so a name is needed for a day longer than it is in a catalog. The history of the
// catalog's bucket alone says what was in force. A name that it does not contain is needed for a day after the history
// begins.
//
// Nothing is removed that a catalog needs which comes into force meanwhile. First the values to be removed are read,
// with their stamps or gens. Then NATS is asked whether the catalog in force is still the one that the names were taken
// from, and whether all processes have it. Then those values are removed unless they were written since. Whoever writes
// under the name again has a catalog that came into force after that question, so the write comes after the read:
//
//	remover:  reads history ── sees stamp 5 ── asks for the head ──────────────────── removes stamp 5: it is 6
//	worker:                                                      new head ── puts 6 ──
//
// Lists have no stamp. If the catalog changed while lists were removed, all entities of their kinds are announced in
// the refresh lane, which puts each into all its lists again.
package leftovers
