package blobcache

import (
	"sync/atomic"
	"time"
)

// snapshotFor bounds how long a Snapshot holds.
const snapshotFor = time.Hour

// Snapshot holds while nothing was announced for any of some parts. Each part's slot among the minimum generations is
// noted, and a look at the slots is all that Holds costs: where one holds another minimum than then, something was
// announced, for this part or for one that shares its slot, and the parts have to be read and compared again. In full:
//
//	page        reads its parts, all fresh in memory
//	page        notes the slots
//	page        looks into memory once more: a part overtaken meanwhile is not there any longer
//	announced   puts its minimum into the slot: a later look sees it
//
// What is announced between the reading and the noting is seen by the second look, since an announcement is
// through with one blob before it begins the next (local.announced), so that no other key can have taken the
// slot before the entry in memory was marked.
type Snapshot struct {
	local *local
	epoch uint64
	until int64 // unix ns; then the parts are looked at again
	slots []notedSlot
}

// notedSlot is a slot among the minimum generations, and what was there.
type notedSlot struct {
	slot *atomic.Pointer[minimum]
	was  *minimum
}

// Epoch counts the gaps in the announcements. It is asked for before the parts of a Snapshot are read.
func (c *Cache) Epoch() uint64 { return c.local.epoch.Load() }

// Snapshot is nil where a part is stale, or was overtaken since it was read.
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

// current reports whether a part is what was last announced. Where its slot can't tell, memory can. One that is too
// long for memory is known by what stood in its slot before it was read.
func (c *Cache) current(p Part, now *minimum) bool {
	if now.isOf(p.Key) && p.Stamp < now.gen {
		return false
	}
	if p.noted && now.allows(p.Key, p.Stamp, p.before) {
		return true
	}
	held, how := c.local.get(p.Key)
	return how == fresh && held.Stamp == p.Stamp
}

// Holds reports whether the parts are still what was last announced.
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

// Size is about how many bytes the snapshot takes in memory.
func (s *Snapshot) Size() int { return len(s.slots) * 16 }
