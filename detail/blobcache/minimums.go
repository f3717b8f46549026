package blobcache

import (
	"hash/maphash"
	"sync/atomic"

	"vitrine/internal/kv"
)

const minimumSlots = 1 << 16

// minimums holds the highest generation announced for a key, in a fixed array of slots by hash. Keys that share a slot cannot share
// a number: generations follow the clock, and a shared minimum would keep out each key that changed earlier than the
// other. So a slot holds the minimum of one key, the one announced last.
//
// A key that has lost its slot is still safe. A read keeps what the slot held before it began, and its value is stored only
// if the slot can have forgotten no announcement of the key since. That the slot holds the key's minimum is not enough,
// since the announcements of a key arrive in any order:
//
//	reader      keeps what the slot holds, reads a at gen 1
//	announced   a at gen 2        the slot is a's
//	announced   b                 the slot is b's
//	announced   a at gen 1        the slot is a's again, and holds 1
type minimums struct {
	seed  maphash.Seed
	last  atomic.Uint64 // the id given last
	slots [minimumSlots]atomic.Pointer[minimum]
}

// minimum is never changed once it is in a slot. Minimums of one key that follow each other in its slot without another key between
// form a run, in which no gen is lower than its predecessor's. An announcement with doubt begins a new run.
type minimum struct {
	key   kv.BlobKey
	gen   uint64
	id    uint64 // rises; 0 is that of an empty slot
	run   uint64 // the id of the first minimum of its run
	after uint64 // the id of what the slot held before the run: the run knows all that was announced since. After a doubt, its own id
}

func newMinimums() *minimums { return &minimums{seed: maphash.MakeSeed()} }

// raise notes an announcement. With doubt, a higher gen may have been announced unheard, and nothing that was read before may be stored.
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

// of returns the highest gen known to be announced for the key, 0 if the slot holds another key's.
func (m *minimums) of(key kv.BlobKey) uint64 {
	if now := m.slot(key).Load(); now.isOf(key) {
		return now.gen
	}
	return 0
}

// allows reports whether a value of gen may be stored, whose slot held before when its read began.
func (m *minimums) allows(key kv.BlobKey, gen uint64, before *minimum) bool {
	return m.slot(key).Load().allows(key, gen, before)
}

// allows reports whether a value of gen is the newest announced, as far as m tells: m is what its slot holds now, before what it held
// when the read began.
func (m *minimum) allows(key kv.BlobKey, gen uint64, before *minimum) bool {
	if m == before {
		return true
	}
	return m.isOf(key) && gen >= m.gen && (before.number() == m.after || before.isOf(key) && before.run == m.run)
}

// isOf reports whether the minimum is the key's. An empty slot holds nil.
func (m *minimum) isOf(key kv.BlobKey) bool { return m != nil && m.key == key }

// number returns the id, 0 for an empty slot.
func (m *minimum) number() uint64 {
	if m == nil {
		return 0
	}
	return m.id
}

func (m *minimums) slot(key kv.BlobKey) *atomic.Pointer[minimum] {
	return &m.slots[maphash.Comparable(m.seed, key)%minimumSlots]
}
