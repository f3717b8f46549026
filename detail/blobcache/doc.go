// Package blobcache reads blobs: from memory, then from each tier in order, all that a page still lacks in one batch.
//
// # Tiers
//
// A tier has its own time-out, breaker and budget; one that fails is skipped. Only the first tier is the truth: what a
// later one gave may be older and is marked stale, and a key that the first tier could not be asked about is
// unavailable, never absent. A value of a later tier is served even where the first says "absent": a flushed Redis must
// not blank the shop. What no tier has is fetched from its upstreams as the last resort (Fallback).
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
// Hence a minimum generation for each key, raised before the entry is dropped. A fill looks at the minimum after it has
// set the entry, and takes the entry out again where its generation is too low; a look-up treats an entry below its
// minimum as not there. See minimums for keys that share a slot.
//
// A gap in the announcements changes the epoch: entries of an earlier one are read again.
package blobcache
