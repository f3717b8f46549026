package blobcache

import (
	"hash/maphash"
	"sync/atomic"

	"vitrine/internal/kv"
)

const minimumSlots = 1 << 16

// minimums holds the highest generation announced for a key, in a fixed array by hash. Generations of different keys
// can't be compared, since they follow the clock: a shared number would keep every key out whose last change lies
// before its neighbour's. So a slot knows whose minimum it is, and belongs to the last key announced. The key that
// lost its slot is still safe: a read notes the slot before it begins, and what it read is stored only if nothing that
// was announced since is forgotten. A key's announcements come in any order, so that its slot alone does not tell:
//
//	reader      notes the slot, reads a at gen 1
//	announced   a at gen 2        the slot is a's
//	announced   b                 the slot is b's
//	announced   a at gen 1        the slot is a's again, and says 1
type minimums struct {
	seed  maphash.Seed
	last  atomic.Uint64 // id that was given
	slots [minimumSlots]atomic.Pointer[minimum]
}

// minimum is never changed once it is in a slot. Minimums of one key that follow each other in its slot are a run: none
// of them is lower than the one before. A doubt begins a run of its own.
type minimum struct {
	key   kv.BlobKey
	gen   uint64
	id    uint64 // rises; 0 is nobody's
	run   uint64 // the id of the first of its run
	after uint64 // the id of what stood there before the run, and was looked at by reads that the run can judge; its own after a doubt
}

func newMinimums() *minimums { return &minimums{seed: maphash.MakeSeed()} }

// raise notes an announcement. One in doubt, that a higher gen may have been announced unheard, also ends whatever was
// read before it.
func (m *minimums) raise(key kv.BlobKey, gen uint64, doubt bool) {
	slot := m.slot(key)
	for {
		now := slot.Load()
		own := now.isOf(key)
		if own && now.gen >= gen && !doubt {
			return
		}
		id := m.last.Add(1)
		next := &minimum{key: key, gen: gen, id: id, run: id, after: now.number()}
		switch {
		case doubt:
			next.after = id
			if own {
				next.gen = max(gen, now.gen)
			}
		case own:
			next.run, next.after = now.run, now.after
		}
		if slot.CompareAndSwap(now, next) {
			return
		}
	}
}

// of is the highest gen known to be announced for the key, 0 where the slot has another's.
func (m *minimums) of(key kv.BlobKey) uint64 {
	if now := m.slot(key).Load(); now.isOf(key) {
		return now.gen
	}
	return 0
}

// allows reports whether a value read since before may be stored.
func (m *minimums) allows(key kv.BlobKey, gen uint64, before *minimum) bool {
	return m.slot(key).Load().allows(key, gen, before)
}

// allows reports whether a value read since before is what was last announced, as far as its slot knows now.
func (m *minimum) allows(key kv.BlobKey, gen uint64, before *minimum) bool {
	if m == before {
		return true
	}
	return m.isOf(key) && gen >= m.gen && (before.number() == m.after || before.isOf(key) && before.run == m.run)
}

// isOf reports whether it is the key's own; nobody's is nil.
func (m *minimum) isOf(key kv.BlobKey) bool { return m != nil && m.key == key }

// number is its id, 0 for nobody's.
func (m *minimum) number() uint64 {
	if m == nil {
		return 0
	}
	return m.id
}

func (m *minimums) slot(key kv.BlobKey) *atomic.Pointer[minimum] {
	return &m.slots[maphash.Comparable(m.seed, key)%minimumSlots]
}
