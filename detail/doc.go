// Package detail serves product pages from blobs. A page is read in one line:
//
//	route ▸ read own blobs ▸ join what they refer to ▸ splice ▸ rules ▸ render ▸ compress ▸ answer
//
// and then kept whole, while nothing is announced for any of its parts (kept). A page that is kept is answered
// inside the connection's Read, before net/http sees the request (fastpath).
//
// So many pages are made at once, and no more (gate); crawlers have a share of their own (crawlers); what no
// tier has is asked of its owners as the last resort, by one server at a time (source).
//
// # Tiers
//
// Blobs come from the local cache, then from each tier in order, all that a page still lacks in one
// batch. A tier has its own time-out, breaker and budget; one that fails is skipped. Only the first tier
// is the truth: what a later one gave may be older and is marked stale, and a key that the first tier
// could not be asked about is unavailable, never absent. A value of a later tier is served even where
// the first says "absent": a flushed Redis must not blank the shop.
//
// # Floors
//
// An announcement can overtake a read:
//
//	reader      reads blob at gen 5 from Redis
//	syncer      writes gen 6, announces it
//	announced   nothing cached here yet, so nothing to drop
//	reader      keeps gen 5, and serves it until its TTL ends
//
// Hence a floor for each key, raised before the entry is dropped. A fill looks at the floor after it has
// set the entry, and takes it out again where it is too low; a look-up treats an entry below its floor
// as not there. See floors for what a shared slot does.
//
// A gap in the announcements changes the epoch: entries of an earlier one are read again.
package detail
