// Package control is how those who push (switches, the catalog, templates) and the processes that apply it speak with each
// other: who is there, who is expected, and what a pushed revision came to in each.
//
// A process reports every few seconds that it is there, in the bucket nodes, whose entries live for 10 s. Its name stands in
// the bucket roster for a day after its last report: a process that is cut off, or hangs, is still expected. It leaves the
// roster by its good-bye, by Forget, or after that day.
//
//	who pushes            NATS                        a process
//	────────── value ───▶ bucket ─────── entry ─────▶ applies it
//	           ◀───────── applied.BUCKET.REVISION ─── Ack: what is in force now, what overrides it, or why it is not taken
//	────────── ask.nodes ───────────────────────────▶ for those whose Ack was lost
//	           ◀───────────────────────────────────── Report
//
// # Two catalogs side by side
//
// The bucket catalog holds the head, the catalog that was pushed last. Each process follows it by itself, so that for a
// moment, or for as long as one of them is cut off, processes have different catalogs. What keeps them from undoing
// each other's work:
//
//   - Records and blobs carry the shape that they were made for, and the state of their entity knows it.
//   - Whoever would replace a record or a blob of another shape asks first whether its own catalog is the head
//     (Follower.Head). One that has an older catalog leaves it, and so it does with names that it does not know.
//   - A process that can't have the head in force takes no work in where others have it (Follower.Behind).
//   - Whatever slips through is found by the next sweep, since the state holds the shape.
package control
