// Package heterog turns a change into an atomic record: fetch, pick, clean, put, announce.
//
// A change is a hint: it names an entity and a dimension, and the worker asks the dimension's owner for
// today's state. Workers are stateless and may be many; any change may be handled twice, late, or by two
// of them at once. What makes that harmless is the stamp, which the worker reads before it fetches:
//
//	worker A: reads stamp 7 ── fetches "old" ──────────────────────────────── puts over 7: changed
//	worker B:            reads stamp 7 ── fetches "new" ── puts over 7: applied, stamp is 8
//
// A's answer is not stored, whatever it says; A reads stamp 8 and fetches again. A second put of equal
// content moves the stamp too, since between two equal answers the upstream may have gone there and back.
//
// Whatever the put answered, the worker then announces the entity to the syncer, and only then is the
// change acknowledged: a worker that dies between put and announcement leaves a message that is
// delivered again and ends in the same announcement.
package heterog
