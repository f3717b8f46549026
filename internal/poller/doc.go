// Package poller asks systems that never notify for what may have changed, and announces it: the catalog's poll.
//
// A poll may be asked by every process of a room; one at a time has its turn, by a lease that it gives back afterwards. When the next turn
// is due and how far the last one came is a note in NATS, which is written by compare-and-set only. The position in the note
// moves after NATS has stored the announcements:
//
//	ask from the position ── announce ── (NATS has them) ── move the position
//
// A process that ends in between announces the same again the next time, which is harmless. The turn of a process that is dead is taken
// over after some seconds, as any lease is. If that process was only stopped, and goes on, what it announces and writes is refused.
//
// A poll announces, and does nothing else: what is no longer listed is announced as well, and what the upstream says
// about the entity itself decides.
package poller
