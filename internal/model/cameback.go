package model

// CameBack models a store that comes back from a snapshot, and an upstream with a replica that lags: one record with a version, and a worker.
// The announced changes are replayed. The replica's answer may then be newer than the record in the snapshot, and still not the newest. A
// second look comes later than any lag. As in Patience, the upstream is edited only while no change waits.
type CameBack struct {
	Edits     uint8
	Lags      uint8 // answers from the replica while it lags
	Snapshots uint8
	Rollbacks uint8
}

// The mutants of CameBack.
const (
	ReplayIsFinal   Mutant = "what is replayed after a loss is final"
	ReplayTrustsNew Mutant = "what is replayed after a loss is final where the record was fetched since"
)

// CameBackMutants returns all mutants of CameBack.
func CameBackMutants() []Mutant { return []Mutant{ReplayIsFinal, ReplayTrustsNew} }

// The third line of CameBack, beside news and secondLook.
const replayed = 2

// fetchedIn is a record: its version, and the life of the store that was known when it was fetched.
type fetchedIn struct{ version, life uint8 }

type cameBack struct {
	left            CameBack
	leader, replica uint8 // versions
	store, snapshot fetchedIn
	run, seen       uint8
	waits           [3]bool // whether a change waits, by line
	due             bool    // a second look is scheduled
	step, line      uint8   // the worker's; step 0 is idle
	held, got       fetchedIn
}

// Explore implements Scenario.
func (c CameBack) Explore(m Mutant) Result {
	one := fetchedIn{version: 1, life: 1}
	return explore(cameBack{left: c, leader: 1, replica: 1, store: one, snapshot: one, run: 1, seen: 1}, m)
}

func (s cameBack) wrong() string {
	if s.store.version != s.leader {
		return recordDiffers
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
	if s.left.Rollbacks > 0 && s.step < fetched { // a rollback after the fetch moves the stamp, and the put is refused
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

// restart makes the worker, if it is busy, begin again.
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

// put stores the answer, and schedules a second look if the answer may not be the newest.
func (s *cameBack) put(m Mutant) {
	before := s.held.life < s.seen
	s.step = 0
	switch {
	case s.got.version < s.held.version: // the answer is doubted, and the upstream is asked again
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
