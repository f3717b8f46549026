package model

// CameBack is a store that comes back from a snapshot, and an owner with a replica that lags: one record with a version, a
// worker. What was announced is replayed, and the replica's answer may be newer than what the store came back with, and
// not the newest. A second look comes later than any lag. As in Patience, an owner is edited only when no change waits.
type CameBack struct {
	Edits     uint8
	Lags      uint8 // answers by the replica while it lags
	Snapshots uint8
	Rollbacks uint8
}

// The mutants of a store that came back.
const (
	ReplayIsFinal   Mutant = "what is replayed after a loss is final"
	ReplayTrustsNew Mutant = "what is replayed after a loss is final where the record was fetched since"
)

// CameBackMutants are all of a store that came back.
func CameBackMutants() []Mutant { return []Mutant{ReplayIsFinal, ReplayTrustsNew} }

// The lines of CameBack, beside news and secondLook.
const replayed = 2

// fetchedIn is a record: its version, and which life of the store was known when it was fetched.
type fetchedIn struct{ version, life uint8 }

type cameBack struct {
	left            CameBack
	leader, replica uint8 // versions
	store, snapshot fetchedIn
	run, seen       uint8
	waits           [3]bool // a change, by line
	due             bool    // a second look is scheduled
	step, line      uint8   // of the worker; step 0 is idle
	held, got       fetchedIn
}

// Explore walks a store that came back.
func (c CameBack) Explore(m Mutant) Result {
	one := fetchedIn{version: 1, life: 1}
	return explore(cameBack{left: c, leader: 1, replica: 1, store: one, snapshot: one, run: 1, seen: 1}, m)
}

func (s cameBack) wrong() string {
	if s.store.version != s.leader {
		return "a record is not what its owner says"
	}
	return ""
}

func (s cameBack) environment(_ Mutant, next func(cameBack)) {
	if s.left.Edits > 0 && !s.waits[news] && s.step == 0 {
		n := s
		n.left.Edits--
		n.leader++
		n.waits[news] = true
		next(n)
	}
	if s.left.Snapshots > 0 {
		n := s
		n.left.Snapshots--
		n.snapshot = s.store
		next(n)
	}
	if s.left.Rollbacks > 0 && s.step < fetched { // what is fetched is put over the stamp that was read, or not at all
		n := s
		n.left.Rollbacks--
		n.store = s.snapshot
		n.run++
		n.restart()
		next(n)
	}
	if s.replica != s.leader {
		n := s
		n.replica++
		next(n)
	}
	if s.step == readStamp && s.left.Lags > 0 && s.replica != s.leader {
		n := s
		n.left.Lags--
		n.answer(s.replica)
		next(n)
	}
}

// restart has the worker begin again.
func (s *cameBack) restart() {
	if s.step > 0 {
		s.step = took
	}
}

func (s *cameBack) answer(version uint8) {
	s.step = fetched
	s.got = fetchedIn{version, s.seen}
}

func (s cameBack) ours(m Mutant, next func(cameBack)) {
	if s.run != s.seen {
		n := s
		n.seen = s.run
		n.waits[replayed] = true
		next(n)
	}
	if s.due {
		n := s
		n.due = false
		n.replica = s.leader
		n.waits[secondLook] = true
		next(n)
	}
	n := s
	switch s.step {
	case 0:
		for line, waits := range s.waits {
			if waits {
				n := s
				n.waits[line] = false
				n.step = took
				n.line = uint8(line)
				next(n)
			}
		}
		return
	case took:
		n.step = readStamp
		n.held = s.store
	case readStamp:
		n.answer(s.leader)
	case fetched:
		n.put(m)
	}
	next(n)
}

// put stores an answer, and orders a second look where it may not be the newest.
func (s *cameBack) put(m Mutant) {
	before := s.held.life < s.seen
	s.step = 0
	switch {
	case s.got.version < s.held.version: // doubted, and asked for again
		s.due = true
		return
	case s.line == secondLook:
	case s.line == news && s.got.version == s.held.version:
		s.due = true
	case s.line == replayed && m != ReplayIsFinal && (before || m != ReplayTrustsNew), s.line == news && before:
		s.due = true
	}
	s.store = s.got
}
