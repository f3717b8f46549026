// Package syncer folds an entity's records into its blobs: load, fold, put, announce.
//
// The order of its steps makes it correct. It reads the gens first and the records afterwards, so a blob is never older
// than the gen under which it is written. It writes a blob only over a lower gen, announces it, and marks it built
// last, also if its own write was refused because of a newer blob:
//
//	syncer A: reads gen 5 ─────────────────────────── put at 5: refused ── announces ── built = max(6, 5)
//	syncer B:            reads gen 6 ── put at 6 ── dies
//
// B never announced what it wrote. A announces the whole vector and marks only its own gen, so the entity stays dirty
// (gen 6, built 5). B's message, delivered again, or a sweep finishes the work.
package syncer
