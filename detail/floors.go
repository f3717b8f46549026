package detail

import (
	"hash/maphash"
	"sync/atomic"

	"vitrine/internal/kv"
)

const floorSlots = 1 << 16

// floors holds the highest gen announced for a key, in a fixed array by hash. Gens of different keys
// can't be compared, since they follow the clock: a shared number would keep every key out whose last
// change lies before its neighbour's. So a slot knows whose floor it is, and the last key announced has
// it. The key that lost its slot is still safe: a read notes the slot before it begins, and what it read
// is kept only if the slot is its own and not higher, or is the very same as before.
type floors struct {
	seed  maphash.Seed
	slots [floorSlots]atomic.Pointer[floor]
}

// floor is never changed once it is in a slot, so that its address tells "nothing was announced".
type floor struct {
	key   kv.BlobKey
	gen   uint64
	doubt bool // a higher gen may have been announced unheard: only what was read since is good
}

func newFloors() *floors { return &floors{seed: maphash.MakeSeed()} }

// raise notes an announcement. One in doubt also ends whatever was read before it.
func (f *floors) raise(key kv.BlobKey, gen uint64, doubt bool) {
	slot := f.slot(key)
	for {
		now := slot.Load()
		if now.isOf(key) && now.gen >= gen {
			if !doubt {
				return
			}
			gen = now.gen
		}
		if slot.CompareAndSwap(now, &floor{key, gen, doubt}) {
			return
		}
	}
}

// of is the highest gen known to be announced for the key, 0 where the slot has another's.
func (f *floors) of(key kv.BlobKey) uint64 {
	if now := f.slot(key).Load(); now.isOf(key) {
		return now.gen
	}
	return 0
}

// note is what a read takes along before it begins.
func (f *floors) note(key kv.BlobKey) *floor { return f.slot(key).Load() }

// allows reports whether a value read since before may be kept.
func (f *floors) allows(key kv.BlobKey, gen uint64, before *floor) bool {
	now := f.slot(key).Load()
	if now.isOf(key) {
		return gen >= now.gen && (!now.doubt || now == before)
	}
	return now == before
}

// isOf reports whether it is the key's own; nobody's is nil.
func (f *floor) isOf(key kv.BlobKey) bool { return f != nil && f.key == key }

func (f *floors) slot(key kv.BlobKey) *atomic.Pointer[floor] {
	return &f.slots[maphash.Comparable(f.seed, key)%floorSlots]
}
