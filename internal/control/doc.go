// Package control is how those who push (switches, the catalog, templates) and the processes that apply it speak with each
// other: who is there, who is expected, and what a pushed revision came to in each.
//
// A process tells every few seconds that it is there, in the bucket nodes, whose entries live for 10 s. Its name stands in
// the bucket roster for a day after it was told last: a process that is cut off, or hangs, is still expected. It leaves the
// roster by its good-bye, by Forget, or after that day.
//
//	who pushes            NATS                        a process
//	────────── value ───▶ bucket ─────── entry ─────▶ applies it
//	           ◀───────── applied.BUCKET.REVISION ─── Ack: what is in force now, what overrides it, or why it is not taken
//	────────── ask.nodes ───────────────────────────▶ for those whose Ack was lost
//	           ◀───────────────────────────────────── Report
package control
