// Package rooms has several rooms be one shop. Each room is whole: its own NATS, Redis, workers and detail servers. What it has to
// hear from the others crosses by a relay, of which one process of the room runs one for each other room:
//
//	other room                                           this room
//	CHANGES ──▶ HISTORY ── what systems announced ──▶ relay ──▶ CHANGES, marked Vitrine-Local
//
// A room fetches what it has heard of from the upstreams itself, so all that holds for one room holds for each. A notice may
// come twice; it is a hint.
//
// # The note
//
// How far the relay has heard stands in a note in the room's own NATS (the key room.NAME of the bucket marks). It moves after this
// room's NATS has acknowledged what was heard. The note is the lease, too: its holder writes it every second, and when it
// has not moved for five, another process takes it. No clock is compared with another machine's.
//
//	note: 17 ── heard 18, 19 ── passed on ── note: 19        a crash between: 18 and 19 are passed on again
//
// Where notices after the note are gone (an outage longer than HISTORY, a NATS that lost its files or was rolled back, a room that
// was there before this one), the note counts a gap. internal/lineage sees that, and has everything fetched anew. A room that is younger than this one
// is heard from its first notice.
package rooms
