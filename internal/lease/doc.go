// Package lease has one process of a room at a time do what several should not do at once.
//
// A note is a value in a bucket of NATS that is written by compare-and-set only. A lease is a note that says who has it. Its
// holder writes it every second. Another process takes it when it was given back, or when it has not been written for five
// seconds as that process sees it. No clock is compared with another machine's.
//
//	holder    write ── write ── write ── write: NATS does not answer ──── 4 s after the last write was sent: its work is cancelled
//	another   look ─── look ─── look ───────────────────────────────────────── 5 s after it last saw a new write: it takes the lease
//
// So the work of the one has ended before that of the other begins, however their clocks differ. A process that is stopped
// (SIGSTOP, a machine that is suspended) can't cancel anything meanwhile. When it goes on, it may be in the middle of a step. What it
// then publishes or writes to a bucket under the context of its work is refused (bus.Fenced). One step that was checked just before
// the stop may slip through, and writes to a store are not checked. So work under a lease has to be harmless when it is done twice;
// the lease saves the cost of that.
//
// Where a position belongs to the work, it is a note of its own: a process that lost the lease can't move it, since
// the next holder has written it.
package lease
