// Package leftovers removes what earlier catalogs left behind: records, blobs and lists of the relation index under names
// that no catalog has any more.
//
// A catalog may be rolled back, so a name is needed for a day longer than it is in a catalog. The bucket of the catalog keeps
// its history, and that alone says what was in force: a name that it does not know is needed for a day from where the history begins.
//
// Nothing is removed that a catalog needs which comes into force meanwhile. What is removed is first seen, with its stamp or
// gen; then NATS is asked whether the catalog in force is still the one that the names were taken from, and whether all processes have it;
// then what was seen is removed unless it was written since. Whoever writes under the name again has a catalog that came after that question, and so
// writes after what was seen:
//
//	remover:  reads history ── sees stamp 5 ── asks for the head ──────────────────── removes stamp 5: it is 6
//	worker:                                                      new head ── puts 6 ──
//
// Lists have no stamp. Where the head has moved while lists were removed, all entities of their kinds are told in the lane of refreshes, which puts
// each into all its lists again.
package leftovers
