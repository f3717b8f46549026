// Package syncer folds an entity's records into its blobs: load, fold, put, announce.
//
// The order of its steps is what makes it right. It reads the gens first and the records after, so that a
// blob is never older than the gen it is written under. It writes a blob only over a lower gen, announces
// it, and marks it built last, also where its own write was refused by a newer blob:
//
//	syncer A: reads gen 5 ─────────────────────────── put at 5: refused ── announces ── built = max(6, 5)
//	syncer B:            reads gen 6 ── put at 6 ── dies
//
// B never announced what it wrote. A announces the whole vector and marks only its own gen, so the entity
// stays dirty (gen 6, built 5) and B's message, delivered again, or a sweep, finishes the work.
package syncer
