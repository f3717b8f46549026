// Package blobcache reads blobs: from memory first, then from each tier in order. What a page lacks is asked of a tier in one
// batch.
//
// # Tiers
//
// Each tier has its own time-out, breaker and budget; a tier that fails is skipped. Only the first tier is the truth. A blob
// from a later tier may be older, and is marked stale. A key that the first tier could not be asked about is unavailable,
// never absent. A blob of a later tier is served even where the first tier has none: a flushed Redis must not blank the
// shop. What no tier has is fetched from its upstreams as the last resort (Fallback).
//
// # Minimum generations
//
// An announcement can overtake a read:
//
//	reader      reads blob at gen 5 from Redis
//	syncer      writes gen 6, announces it
//	announced   nothing cached here yet, so nothing to drop
//	reader      caches gen 5, and serves it until its TTL ends
//
// Hence each key has a minimum generation, which is raised before the cached entry is marked. A read that fills memory checks
// the minimum once more after it has set the entry, and marks the entry as overtaken if its generation is too low. A look-up
// ignores an entry below its minimum. type minimums describes what happens to keys that share a slot.
//
// A gap in the announcements starts a new epoch: entries of an earlier epoch are read again.
package blobcache
