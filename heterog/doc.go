// Package heterog turns a change into an atomic record: fetch, pick, clean, put, announce.
//
// A change is a hint: it names an entity and a dimension, and the worker asks the dimension's upstream for the present
// state. Workers are stateless, and there may be many. Any change may be handled twice, late, or by two workers at
// once. The stamp, which a worker reads before it fetches, makes that harmless:
//
//	worker A: reads stamp 7 ── fetches "old" ──────────────────────────────── puts over 7: changed
//	worker B:            reads stamp 7 ── fetches "new" ── puts over 7: applied, stamp is 8
//
// A's answer is not stored, whatever it says; A reads stamp 8 and fetches again. A put of equal content changes the
// stamp, too, since the upstream may have changed twice between two equal answers.
//
// Whatever the put answered, the worker then announces the entity to the syncer, and only then acknowledges the change.
// If it dies between put and announcement, the change is delivered again and the entity is announced then.
package heterog
