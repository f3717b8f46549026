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
	key kv.BlobKey
	gen uint64
}

func newFloors() *floors { return &floors{seed: maphash.MakeSeed()} }

// raise notes an announcement.
func (f *floors) raise(key kv.BlobKey, gen uint64) {
	slot := f.slot(key)
	for {
		now := slot.Load()
		if now != nil && now.key == key && now.gen >= gen {
			return
		}
		if slot.CompareAndSwap(now, &floor{key, gen}) {
			return
		}
	}
}

// of is the highest gen known to be announced for the key, 0 where the slot has another's.
func (f *floors) of(key kv.BlobKey) uint64 {
	if now := f.slot(key).Load(); now != nil && now.key == key {
		return now.gen
	}
	return 0
}

// note is what a read takes along before it begins.
func (f *floors) note(key kv.BlobKey) *floor { return f.slot(key).Load() }

// allows tells whether a value read since before may be kept.
func (f *floors) allows(key kv.BlobKey, gen uint64, before *floor) bool {
	now := f.slot(key).Load()
	if now != nil && now.key == key {
		return gen >= now.gen
	}
	return now == before
}

func (f *floors) slot(key kv.BlobKey) *atomic.Pointer[floor] {
	return &f.slots[maphash.Comparable(f.seed, key)%floorSlots]
}
