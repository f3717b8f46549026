// Package poller asks systems that never notify for what may have changed, and announces it: the catalog's poll.
//
// A poll may be asked by every process of a room; one at a time has its turn. Who has it, when the next one is due and
// how far the last one came is a note in NATS, which is written by compare-and-set only. The position in the note moves
// after NATS has stored the announcements:
//
//	ask from the position ── announce ── (NATS has them) ── move the position
//
// A process that ends in between announces the same again the next time, which is harmless. A turn that its process does
// not finish is taken over when its time is over; if it goes on all the same, its write of the note is refused.
//
// A poll announces, and does nothing else: what is no longer listed is announced as well, and what the upstream says
// about the entity itself decides.
package poller
