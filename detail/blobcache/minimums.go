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
// lost its slot is still safe: a read notes the slot before it begins, and what it read is stored only if the slot is
// its own and not higher, or is the very same as before.
type minimums struct {
	seed  maphash.Seed
	slots [minimumSlots]atomic.Pointer[minimum]
}

// minimum is never changed once it is in a slot, so that its address tells "nothing was announced".
type minimum struct {
	key   kv.BlobKey
	gen   uint64
	doubt bool // a higher gen may have been announced unheard: only what was read since is good
}

func newMinimums() *minimums { return &minimums{seed: maphash.MakeSeed()} }

// raise notes an announcement. One in doubt also ends whatever was read before it.
func (m *minimums) raise(key kv.BlobKey, gen uint64, doubt bool) {
	slot := m.slot(key)
	for {
		now := slot.Load()
		if now.isOf(key) && now.gen >= gen {
			if !doubt {
				return
			}
			gen = now.gen
		}
		if slot.CompareAndSwap(now, &minimum{key, gen, doubt}) {
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
	now := m.slot(key).Load()
	if now.isOf(key) {
		return gen >= now.gen && (!now.doubt || now == before)
	}
	return now == before
}

// isOf reports whether it is the key's own; nobody's is nil.
func (m *minimum) isOf(key kv.BlobKey) bool { return m != nil && m.key == key }

func (m *minimums) slot(key kv.BlobKey) *atomic.Pointer[minimum] {
	return &m.slots[maphash.Comparable(m.seed, key)%minimumSlots]
}
