package model

// Lag models an upstream that is edited at any time, and whose replicas lag: each answer shows the upstream's state at a moment that is no longer
// ago than the lag. There is one record without a version, and a worker. CHANGES keeps the newest message of the record, HISTORY keeps
// all. The store may be emptied, and NATS may lose all its data. Each loss is noticed at some time, and causes a walk.
//
// Time passes in ticks. After two ticks every replica has an edit. A second look comes no sooner than that. An answer is put within the tick
// in which it arrived.
type Lag struct {
	Edits   uint8
	Flushes uint8 // of the store
	Losses  uint8 // of NATS's streams, with the scheduled second looks in them
}

// The mutants of Lag.
const (
	NewIsFinal    Mutant = "an answer that is new is final, though several changes were announced since the record was up to date"
	RecentIsFinal Mutant = "an answer that is new is final, though the record was fetched a moment ago"
	AbsentIsFinal Mutant = "the first answer for a store that was emptied is final"
	LostIsFinal   Mutant = "an answer that is new is final, though changes were lost since the record was fetched"
	AskedAfter    Mutant = "a record that was fetched just after a loss of changes was noticed lacks none of them"
	NotReplayed   Mutant = "what was announced just before a store was emptied is only walked"
	WalkIsFinal   Mutant = "what a walk finds in a record that was fetched a moment ago is final"
	LookIsFinal   Mutant = "what a second look finds in a record that was fetched a moment ago is final"
	WalkAtOnce    Mutant = "a walk after a loss of changes begins while replicas may lag"
)

// LagMutants returns all mutants of Lag.
func LagMutants() []Mutant {
	return []Mutant{NewIsFinal, RecentIsFinal, AbsentIsFinal, LostIsFinal, AskedAfter, NotReplayed, WalkIsFinal, LookIsFinal, WalkAtOnce}
}

const (
	lagMost   = 2 // ticks after which every replica has an edit
	settled   = 4 // ticks after which a record has the result of a second look
	ageless   = 5 // greatest age: beyond it there is no difference
	editsMost = 3
)

// age is how many ticks ago something happened, up to ageless.
type age uint8

func (a *age) tick() { *a = min(*a+1, ageless) }

// copied is a record, or an answer that may become one. Version 0 is an absent record. at is how long ago the upstream was asked. before
// reports whether the record may lack a change that was lost: the upstream was asked before a loss was noticed, or less than the lag after
// that.
type copied struct {
	version uint8
	at      age
	before  bool
}

// inquirer is the worker; step 0 is idle. several (changes may have been announced) and lost (the held record may lack a change) are what
// it knew when it asked.
type inquirer struct {
	step, line    uint8
	published     age // of the change that it took
	held, got     copied
	several, lost bool
}

// event is something that may have happened.
type event struct {
	was bool
	ago age
}

func (e *event) tick() {
	if e.was {
		e.ago.tick()
	}
}

type lag struct {
	left      Lag
	version   uint8          // of the upstream
	edits     [editsMost]age // how long ago each version after the first was made and announced
	past      uint8          // how many of these edits HISTORY has lost
	record    copied
	waits     [4]bool // whether a change waits, by line
	published age     // of the change that waits in news
	due       event   // a second look was scheduled
	flushed   bool    // the store was emptied, and nobody has noticed it yet
	lost      bool    // NATS's streams were lost, and nobody has noticed it yet
	walks     event   // a loss of changes called for a walk
	worker    inquirer
}

// The fourth line of Lag, beside news, secondLook and replayed.
const walked = 3

// Explore implements Scenario.
func (l Lag) Explore(m Mutant) Result {
	return explore(lag{left: l, version: 1, record: copied{version: 1, at: ageless}}, m)
}

func (s lag) wrong() string {
	if s.record.version != s.version {
		return recordDiffers
	}
	return ""
}

func (s lag) environment(m Mutant, next func(lag)) {
	if s.left.Edits > 0 {
		n := s
		n.left.Edits--
		n.edits[s.version-1] = 0
		n.version++
		n.waits[news] = true
		n.published = 0
		next(n)
	}
	if s.left.Flushes > 0 && s.worker.step < fetched { // a flush after the fetch moves the stamp, and the put is refused
		n := s
		n.left.Flushes--
		n.flushed = true
		n.record = copied{}
		n.worker.step = min(s.worker.step, took)
		next(n)
	}
	if s.left.Losses > 0 {
		n := s
		n.left.Losses--
		n.waits = [4]bool{}
		n.due = event{}
		n.past = s.version - 1
		n.lost = true
		next(n)
	}
	s.pass(next)
	if s.worker.step == readStamp {
		for v := s.oldest(); v < s.version; v++ {
			next(s.answered(v, m))
		}
	}
}

// oldest returns the oldest version that a replica may answer with now.
func (s lag) oldest() uint8 {
	v := uint8(1)
	for v < s.version && s.edits[v-1] >= lagMost {
		v++
	}
	return v
}

// pass takes the step in which a tick passes, unless an answer is about to be put.
func (s lag) pass(next func(lag)) {
	if s.worker.step == fetched {
		return
	}
	for i := range s.edits[:s.version-1] {
		s.edits[i].tick()
	}
	s.record.at.tick()
	s.published.tick()
	s.due.tick()
	s.walks.tick()
	s.worker.published.tick()
	s.worker.held.at.tick()
	next(s.plain())
}

// plain returns s without the ages that do not matter, so that states which differ only in these count as one.
func (s lag) plain() lag {
	if s.record.version == 0 {
		s.record.at = 0
	}
	if !s.waits[news] {
		s.published = 0
	}
	switch w := &s.worker; w.step {
	case 0:
		s.worker = inquirer{}
	case took:
		s.worker = inquirer{step: took, line: w.line, published: w.published}
	case readStamp:
		w.got = copied{}
		if w.held.version == 0 {
			w.held.at = 0
		}
	case fetched:
		w.published = 0
		w.held.at = 0
	}
	return s
}

// answered returns s after an answer of this version to the worker.
func (s lag) answered(version uint8, m Mutant) lag {
	w := &s.worker
	w.step = fetched
	w.got = copied{version: version, before: s.walks.was && s.walks.ago < lagMost && m != AskedAfter}
	young := w.published < lagMost
	w.lost = m != LostIsFinal && w.held.before
	switch {
	case w.line == secondLook:
		w.several = m != LookIsFinal && w.held.version != 0 && w.held.at < lagMost && version != w.held.version
	case w.line == walked:
		w.several = m != WalkIsFinal && w.held.version != 0 && w.held.at < settled && version != w.held.version
	case !young || w.line != news:
	case w.held.version == 0:
		w.several = m != AbsentIsFinal
	case w.held.at < settled:
		w.several = m != RecentIsFinal
	default:
		w.several = m != NewIsFinal && s.announced(w.held.at+lagMost) > 1
	}
	return s.plain()
}

// announced returns the number of changes that HISTORY has from the last ticks, as many as since says.
func (s lag) announced(since age) (n int) {
	for _, at := range s.edits[s.past : s.version-1] {
		if at <= since {
			n++
		}
	}
	return n
}

func (s lag) ours(m Mutant, next func(lag)) {
	if s.due.was || s.walks.was {
		s.pass(next)
	}
	if s.due.was && s.due.ago >= lagMost {
		n := s
		n.due = event{}
		n.waits[secondLook] = true
		next(n)
	}
	if s.flushed || s.lost {
		n := s
		for _, r := range []*copied{&n.record, &n.worker.held, &n.worker.got} {
			r.before = r.version != 0
		}
		if s.lost {
			n.walks = event{was: true}
		} else {
			n.waits[walked] = true
			n.waits[replayed] = s.announced(lagMost) > 0 && m != NotReplayed
		}
		n.flushed = false
		n.lost = false
		next(n)
	}
	if s.walks.was && (s.walks.ago >= lagMost || m == WalkAtOnce) {
		n := s
		n.walks = event{}
		n.waits[walked] = true
		next(n)
	}
	n := s
	w := &n.worker
	switch w.step {
	case 0:
		for line, waits := range s.waits {
			if waits {
				n := s
				n.waits[line] = false
				n.worker = inquirer{step: took, line: uint8(line), published: s.published}
				next(n.plain())
			}
		}
		return
	case took:
		w.step = readStamp
		w.held = s.record
	case readStamp:
		n = s.answered(s.version, m)
	case fetched:
		n.put()
	}
	next(n.plain())
}

// put stores the answer, and schedules a second look if the answer may not be the newest.
func (s *lag) put() {
	w := s.worker
	s.worker = inquirer{}
	s.record = w.got
	if w.several || w.line == replayed || w.line == news && (w.got.version == w.held.version || w.lost) {
		s.due = event{was: true}
	}
}
