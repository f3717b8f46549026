package model

// LostWrites is a store that comes back older than it was: restarted from a snapshot, or replaced by a replica that
// lagged: the last of its writes are gone. One record, its blob with it, two workers, a cached reader; HISTORY has every
// change as it was announced. The store holds a mark besides: up to where in HISTORY all was done when the mark was
// written. It is lost with what was written after it, so that what it tells is never too much.
type LostWrites struct {
	Edits     uint8
	Snapshots uint8 // what the store would come back as
	Rollbacks uint8
	Crashes   uint8
	Forgets   uint8 // HISTORY is lost
}

// The mutants of lost writes.
const (
	RollbackUnseen   Mutant = "a store that lost its last writes is not noticed while its marks are as they were"
	ReplayedFromNow  Mutant = "what was announced is replayed from when the loss was noticed"
	MarkAhead        Mutant = "the mark tells what was announced, whether it was done or not"
	ReplayUnforced   Mutant = "what is replayed gets a new gen only where its content differs from what the store came back with"
	WalkUnforced     Mutant = "what is walked because HISTORY is lost as well is not forced"
	RollbackSeenSoon Mutant = "a loss is noted before what it calls for is replayed"
	GensOfCounter    Mutant = "gens are counted, and the clock has no part in them"
	StampsOfCounter  Mutant = "stamps are counted, and the clock has no part in them"
)

// LostWritesMutants are all of lost writes.
func LostWritesMutants() []Mutant {
	return []Mutant{RollbackUnseen, ReplayedFromNow, MarkAhead, ReplayUnforced, WalkUnforced, RollbackSeenSoon, GensOfCounter, StampsOfCounter}
}

// storedState is what a store has of an entity; gen is the blob's too.
type storedState struct {
	val, gen, stamp uint8
	mark            uint8 // changes in HISTORY that were done
}

// putter is a worker; step 0 is idle.
type putter struct {
	step, line, seq, stamp, val uint8
}

// The subjects of a change. A forced one has its own, where no other takes its place.
const (
	unforced = iota
	forced
)

type lostWrites struct {
	left      LostWrites
	clock     uint8 // counts what gets a number; a rollback does not turn it back
	upstream  uint8
	announced uint8 // changes in HISTORY
	forgotten bool  // HISTORY does not reach back to the mark
	changes   [2]queue

	store, snapshot storedState
	run, seen       uint8 // which life of the store it is, and which is known
	replaying       bool  // RollbackSeenSoon: it is noted, and not done

	standing uint8 // the announcement that stands, 0 where it was taken
	minimum  uint8
	entry    storedState // of the cache; gen 0 for none
	workers  [2]putter
}

// Explore walks lost writes.
func (l LostWrites) Explore(m Mutant) Result {
	one := storedState{1, 1, 1, 0}
	return explore(lostWrites{left: l, clock: 1, upstream: 1, store: one, snapshot: one, run: 1, seen: 1, minimum: 1}, m)
}

func (s lostWrites) wrong() string {
	switch {
	case s.store.val != s.upstream:
		return "a record is not what its upstream says"
	case s.entry.gen > 0 && s.entry.val != s.store.val:
		return "a cache keeps what the store no longer has"
	}
	return ""
}

func (s lostWrites) environment(m Mutant, next func(lostWrites)) {
	if s.left.Edits > 0 {
		n := s
		n.left.Edits--
		n.upstream = 3 - s.upstream
		n.announced++
		n.changes[unforced].publish(m)
		next(n)
	}
	if s.left.Snapshots > 0 {
		n := s
		n.left.Snapshots--
		n.snapshot = s.store
		next(n)
	}
	if s.left.Rollbacks > 0 {
		n := s
		n.left.Rollbacks--
		n.store = s.snapshot
		n.run++
		next(n)
	}
	for i, w := range s.workers {
		if w.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.changes[w.line].again(w.seq)
			n.workers[i] = putter{}
			next(n)
		}
	}
	if s.left.Forgets > 0 {
		n := s
		n.left.Forgets--
		n.forgotten = true
		next(n)
	}
	if s.run == s.seen && s.store.mark < s.announced && (s.idle() || m == MarkAhead) {
		n := s
		n.store.mark = s.announced
		next(n)
	}
	if s.replaying && s.left.Crashes > 0 {
		n := s
		n.left.Crashes--
		n.replaying = false
		next(n)
	}
}

func (s lostWrites) ours(m Mutant, next func(lostWrites)) {
	if s.standing > 0 {
		n := s
		n.standing, n.minimum = 0, max(s.minimum, s.standing)
		if s.entry.gen < s.standing {
			n.entry = storedState{}
		}
		next(n)
	}
	if s.entry.gen == 0 && s.store.gen >= s.minimum { // a reader comes
		n := s
		n.entry = storedState{val: s.store.val, gen: s.store.gen}
		next(n)
	}
	s.replay(m, next)
	for i := range s.workers {
		s.work(i, m, next)
	}
}

// replay announces again what may have been lost with the store's last writes.
func (s lostWrites) replay(m Mutant, next func(lostWrites)) {
	if m == RollbackUnseen || s.run == s.seen && !s.replaying {
		return
	}
	n := s
	n.seen = s.run
	if m == RollbackSeenSoon && !s.replaying {
		n.replaying = true
		next(n)
		return
	}
	n.replaying = false
	walk := s.forgotten // everything that the store has
	if s.announced > s.store.mark && m != ReplayedFromNow || walk {
		line := forced
		if m == ReplayUnforced || m == WalkUnforced && walk {
			line = unforced
		}
		n.changes[line].publish(m)
	}
	next(n)
}

// idle reports whether every change is done.
func (s *lostWrites) idle() bool { return s.changes[unforced].seq == 0 && s.changes[forced].seq == 0 }

func (s lostWrites) work(i int, m Mutant, next func(lostWrites)) {
	n := s
	w := &n.workers[i]
	switch w.step {
	case 0:
		for k, q := range s.changes {
			if q.ready {
				n := s
				n.changes[k].ready = false
				n.workers[i] = putter{step: took, line: uint8(k), seq: q.seq}
				next(n)
			}
		}
		return
	case took:
		w.step = readStamp
		w.stamp = s.store.stamp
	case readStamp:
		w.step = fetched
		w.val = s.upstream
	case fetched:
		if s.store.stamp != w.stamp {
			w.step = took
			break
		}
		n.put(w.val, w.line == forced, m)
		n.standing = n.store.gen // the syncer's part, in one step
		n.changes[w.line].ack(w.seq, m)
		*w = putter{}
	}
	next(n)
}

func (s *lostWrites) put(val uint8, force bool, m Mutant) {
	s.clock++
	if m == StampsOfCounter {
		s.store.stamp++
	} else {
		s.store.stamp = s.clock
	}
	if s.store.val == val && !force {
		return
	}
	s.store.val = val
	if m == GensOfCounter {
		s.store.gen++
	} else {
		s.store.gen = s.clock
	}
}
