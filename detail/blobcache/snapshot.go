package blobcache

import (
	"sync/atomic"
	"time"
)

// snapshotFor bounds how long a Snapshot may hold.
const snapshotFor = time.Hour

// Snapshot reports whether the parts of a page are still the newest. It keeps what the slot of each part held among the minimum
// generations, and Holds only compares the slots. If one holds another minimum, something was announced for this part or
// for one that shares its slot, and the parts must be read and compared again. The order of steps:
//
//	page        reads its parts, all fresh in memory
//	page        keeps what their slots hold
//	page        looks into memory once more: a part that was overtaken meanwhile is not there any longer
//	announced   puts its minimum into the slot: a later Holds sees it
//
// An announcement between the first two steps is seen by the third. Announcements of blobs run one after another
// (local.announced), so no other key can have taken the slot before the entry in memory was marked.
type Snapshot struct {
	local *local
	epoch uint64
	until int64 // unix ns; from then on the parts must be read again
	slots []notedSlot
}

// notedSlot is a slot among the minimum generations, and what it held.
type notedSlot struct {
	slot *atomic.Pointer[minimum]
	was  *minimum
}

// Epoch counts the gaps in the announcements. A caller reads it before it reads the parts for a Snapshot.
func (c *Cache) Epoch() uint64 { return c.local.epoch.Load() }

// Snapshot returns a Snapshot of parts that were read since Epoch gave epoch. It returns nil if a part is stale or failed, or was
// overtaken since it was read.
func (c *Cache) Snapshot(epoch uint64, parts []Part) *Snapshot {
	now := time.Now()
	until := now.Add(snapshotFor)
	s := &Snapshot{local: c.local, epoch: epoch}
	for _, p := range parts {
		if p.Stale || p.Err != nil || !p.until.After(now) {
			return nil
		}
		if p.until.Before(until) {
			until = p.until
		}
		slot := c.local.minimums.slot(p.Key)
		s.slots = append(s.slots, notedSlot{slot, slot.Load()})
	}
	for i, p := range parts {
		if !c.current(p, s.slots[i].was) {
			return nil
		}
	}
	s.until = until.UnixNano()
	return s
}

// current reports whether a part is of the generation that was last announced. now is what its slot holds. A part that was read from a
// tier is compared with what the slot held before that read, since it may be too long for memory; any other with memory.
func (c *Cache) current(p Part, now *minimum) bool {
	if now.isOf(p.Key) && p.Stamp < now.gen {
		return false
	}
	if p.fromTier && now.allows(p.Key, p.Stamp, p.minimum) {
		return true
	}
	held, freshness := c.local.get(p.Key)
	return freshness == fresh && held.Stamp == p.Stamp
}

// Holds reports whether nothing was announced since for the parts, and none of them has expired.
func (s *Snapshot) Holds(now time.Time) bool {
	if s.epoch != s.local.epoch.Load() || now.UnixNano() >= s.until {
		return false
	}
	for i := range s.slots {
		n := &s.slots[i]
		if n.slot.Load() != n.was {
			return false
		}
	}
	return true
}

// Size estimates the bytes that the snapshot takes in memory.
func (s *Snapshot) Size() int { return len(s.slots) * 16 }
