package model

// LostWrites models a store that comes back older than it was, because it was restarted from a snapshot or replaced by a replica that
// lagged: its last writes are gone. There are one record with its blob, two workers, and a reader with a cache. HISTORY has every announced
// change. The server that takes over may have a clock that is behind. The store also holds a mark: the position in HISTORY up to which all changes were done when the mark was written. A mark that is
// written is lost together with later writes. So the mark never claims too much.
type LostWrites struct {
	Edits     uint8
	Snapshots uint8 // of the store; a rollback goes to the last one
	Rollbacks uint8
	Behind    uint8 // of the rollbacks, how many put a server in its place whose clock is behind
	Crashes   uint8
	Forgets   uint8 // HISTORY is lost
}

// The mutants of LostWrites.
const (
	RollbackUnseen   Mutant = "a store that lost its last writes is not noticed while its marks are as they were"
	ReplayedFromNow  Mutant = "what was announced is replayed from when the loss was noticed"
	MarkAhead        Mutant = "the mark says what was announced, whether it was done or not"
	ReplayUnforced   Mutant = "what is replayed gets a new gen only where its content differs from what the store came back with"
	WalkUnforced     Mutant = "what is walked because HISTORY is lost as well is not forced"
	RollbackSeenSoon Mutant = "a loss is noted before what it calls for is replayed"
	GensOfCounter    Mutant = "gens are counted, and the clock has no part in them"
	StampsOfCounter  Mutant = "stamps are counted, and the clock has no part in them"
	ReplayedBehind   Mutant = "what is replayed gets its gens from a clock that is behind the one whose writes were lost"
)

// LostWritesMutants returns all mutants of LostWrites.
func LostWritesMutants() []Mutant {
	return []Mutant{RollbackUnseen, ReplayedFromNow, MarkAhead, ReplayUnforced, WalkUnforced, RollbackSeenSoon, GensOfCounter, StampsOfCounter, ReplayedBehind}
}

// storedState is what a store holds of the entity. gen is also that of the blob.
type storedState struct {
	val, gen, stamp uint8
	mark            uint8 // number of changes in HISTORY that were done
}

// putter is a worker; step 0 is idle.
type putter struct {
	step, line, seq, stamp, val uint8
}

// The subjects of a change. A forced change has a subject of its own, where no other change replaces it.
const (
	unforced = iota
	forced
)

type lostWrites struct {
	left      LostWrites
	clock     uint8 // source of gens
	passed    uint8 // what the clock of a server whose writes were lost may have said
	issued    uint8 // source of stamps: no two clocks say the same µs of one record, so none repeats
	upstream  uint8
	announced uint8 // number of changes in HISTORY
	forgotten bool  // HISTORY does not reach back to the mark
	changes   [2]queue

	store, snapshot storedState
	run, seen       uint8 // the life of the store, and the life that the processes know of
	replaying       bool  // RollbackSeenSoon: the loss is noted, and the replay is not done

	standing uint8 // gen of the announcement that the reader has not taken yet; 0 for none
	minimum  uint8
	entry    storedState // the cache's entry; gen 0 for none
	workers  [2]putter
}

// Explore implements Scenario.
func (l LostWrites) Explore(m Mutant) Result {
	one := storedState{1, 1, 1, 0}
	return explore(lostWrites{left: l, clock: 1, issued: 1, upstream: 1, store: one, snapshot: one, run: 1, seen: 1, minimum: 1}, m)
}

func (s lostWrites) wrong() string {
	switch {
	case s.store.val != s.upstream:
		return recordDiffers
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
		if s.left.Behind > 0 {
			n.left.Behind--
			n.passed = max(s.passed, s.clock)
			n.clock = s.snapshot.gen
			next(n)
		}
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
	if s.entry.gen == 0 && s.store.gen >= s.minimum { // a reader fills the cache
		n := s
		n.entry = storedState{val: s.store.val, gen: s.store.gen}
		next(n)
	}
	if s.clock < s.passed {
		n := s
		n.clock = s.passed
		next(n)
	}
	s.replay(m, next)
	for i := range s.workers {
		s.work(i, m, next)
	}
}

// replay announces again the changes that may have been lost with the store's last writes.
func (s lostWrites) replay(m Mutant, next func(lostWrites)) {
	if m == RollbackUnseen || s.run == s.seen && !s.replaying || s.clock < s.passed && m != ReplayedBehind {
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
	walk := s.forgotten // everything in the store is announced again
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
		n.standing = n.store.gen // the syncer's work, as one step
		n.changes[w.line].ack(w.seq, m)
		*w = putter{}
	}
	next(n)
}

func (s *lostWrites) put(val uint8, force bool, m Mutant) {
	s.clock++
	s.issued++
	if m == StampsOfCounter {
		s.store.stamp++
	} else {
		s.store.stamp = s.issued
	}
	if s.store.val == val && !force {
		return
	}
	s.store.val = val
	if m == GensOfCounter {
		s.store.gen++
	} else {
		s.clock = max(s.clock, s.store.gen+1)
		s.store.gen = s.clock
	}
}
