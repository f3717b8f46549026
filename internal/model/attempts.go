package model

// Attempts is what becomes of a change whose fetch fails: one record, two workers, an owner that is silent, says "not now" or refuses,
// a store of our own that is away, a place to park. Silence may last longer than any number of attempts.
type Attempts struct {
	Edits    uint8
	Silences uint8 // calls that the owner does not answer
	Refusals uint8 // calls that it answers with what can't be taken
	NotNows  uint8 // calls that it answers with an error in place of what was asked for
	Outages  uint8 // puts that our own store does not take
	Crashes  uint8
}

// The mutants of attempts.
const (
	SilenceCounts   Mutant = "silence counts as an attempt"
	NotNowCounts    Mutant = "an answer that says not now counts as an attempt"
	NotNowDeletes   Mutant = "an answer that says not now, and lacks the entity, is stored as its deletion"
	OutageCounts    Mutant = "an outage of our own store counts as an attempt"
	DeliveriesCount Mutant = "a delivery counts as an attempt, whatever came of it"
	AckBeforePark   Mutant = "a change is acknowledged before it is parked"
	ParkedForgotten Mutant = "what is parked is not taken up again"
	RetryUnacked    Mutant = "a change is acknowledged before its retry is stored"
)

// AttemptsMutants are all of attempts.
func AttemptsMutants() []Mutant {
	return []Mutant{SilenceCounts, NotNowCounts, NotNowDeletes, OutageCounts, DeliveriesCount, AckBeforePark, ParkedForgotten, RetryUnacked}
}

// refusalsMax is after how many refusals a change is a dead letter.
const refusalsMax = 2

// tried is a change that is set aside, and how often its fetch was refused.
type tried struct {
	here  bool
	count uint8
}

// attempt is a worker; step 0 is idle.
type attempt struct {
	step, seq, count, stamp, val uint8
	parked                       bool // its change came out of PARKED
}

// The steps of an attempt, by what it has done; took, readStamp and fetched are those of a worker too.
const (
	parking  = iota + 10 // it sets the change aside
	retrying             // it stores the retry
	leaving              // all is stored: the ack is left
)

type attempts struct {
	left            Attempts
	upstream        uint8
	record, stamp   uint8
	change          queue
	carried         uint8 // attempts that the message in CHANGES tells
	parked, retried tried
	failed          bool
	refused         uint8 // answers that were refused in all
	workers         [2]attempt
}

// Explore walks attempts.
func (a Attempts) Explore(m Mutant) Result {
	return explore(attempts{left: a, upstream: 1, record: 1, stamp: 1}, m)
}

func (s attempts) wrong() string {
	switch {
	case s.failed && s.refused < refusalsMax:
		return "a change is given up though its owner has not refused it as often as it may"
	case s.record != s.upstream && !s.failed:
		return "a record is not what its upstream says, and no dead letter names it"
	}
	return ""
}

func (s attempts) environment(m Mutant, next func(attempts)) {
	if s.left.Edits > 0 {
		n := s
		n.left.Edits--
		n.upstream++
		n.change.publish(m)
		n.carried = 0
		n.failed = false
		next(n)
	}
	for i, w := range s.workers {
		if w.step == 0 || s.left.Crashes == 0 {
			continue
		}
		n := s
		n.left.Crashes--
		n.workers[i] = attempt{}
		n.giveBack(w, m)
		next(n)
	}
	for i, w := range s.workers {
		if w.step == readStamp {
			s.noAnswer(i, m, next)
		}
		if w.step == fetched && s.left.Outages > 0 {
			n := s
			n.left.Outages--
			n.workers[i] = attempt{}
			if m == OutageCounts {
				n.workers[i] = w
				n.workers[i].step = retrying
				n.count(i, m, true)
			} else {
				n.giveBack(w, m)
			}
			next(n)
		}
	}
}

// noAnswer has the owner be silent, say "not now", or refuse, to worker i.
func (s attempts) noAnswer(i int, m Mutant, next func(attempts)) {
	if s.left.Silences > 0 {
		n := s
		n.left.Silences--
		n.workers[i].step = parking
		n.count(i, m, m == SilenceCounts)
		next(n)
	}
	if s.left.NotNows > 0 {
		n := s
		n.left.NotNows--
		n.workers[i].step = parking
		n.count(i, m, m == NotNowCounts)
		if m == NotNowDeletes {
			n.workers[i].step = leaving
			n.record = deleted
			n.stamp++
		}
		next(n)
	}
	if s.left.Refusals > 0 {
		n := s
		n.left.Refusals--
		n.refused = min(n.refused+1, refusalsMax)
		n.workers[i].step = retrying
		n.count(i, m, true)
		next(n)
	}
}

// giveBack has a change delivered again.
func (s *attempts) giveBack(w attempt, m Mutant) {
	count := w.count
	if m == DeliveriesCount {
		count++
	}
	if w.parked {
		s.parked = tried{true, count}
		return
	}
	if s.change.seq == w.seq {
		s.carried = count
	}
	s.change.again(w.seq)
}

// count counts an attempt of a worker. With the last one its change becomes a dead letter.
func (s *attempts) count(i int, m Mutant, counts bool) {
	w := &s.workers[i]
	if !counts {
		return
	}
	w.count++
	if w.count < refusalsMax {
		return
	}
	s.failed = true
	s.done(*w, m)
	*w = attempt{}
}

// done acknowledges what a worker had in work.
func (s *attempts) done(w attempt, m Mutant) {
	if !w.parked {
		s.change.ack(w.seq, m)
	}
}

func (s attempts) ours(m Mutant, next func(attempts)) {
	if s.retried.here { // its time has come
		n := s
		n.retried = tried{}
		n.change.publish(m)
		n.carried = s.retried.count
		next(n)
	}
	for i := range s.workers {
		s.work(i, m, next)
	}
}

func (s attempts) work(i int, m Mutant, next func(attempts)) {
	n := s
	w := &n.workers[i]
	switch w.step {
	case 0:
		if s.change.ready {
			n := s
			n.change.ready = false
			n.workers[i] = attempt{step: took, seq: s.change.seq, count: s.carried}
			next(n)
		}
		if s.parked.here && m != ParkedForgotten {
			n := s
			n.parked = tried{}
			n.workers[i] = attempt{step: took, count: s.parked.count, parked: true}
			next(n)
		}
		return
	case took:
		w.step = readStamp
		w.stamp = s.stamp
	case readStamp:
		w.step = fetched
		w.val = s.upstream
	case fetched:
		if s.stamp != w.stamp {
			w.step = took
			break
		}
		n.record = w.val
		w.step = leaving
		n.stamp++
	case parking, retrying:
		early := w.step == parking && m == AckBeforePark || w.step == retrying && m == RetryUnacked
		aside := &n.parked
		if w.step == retrying {
			aside = &n.retried
		}
		if early && w.seq > 0 { // the ack first; what is set aside next
			n.done(*w, m)
			w.seq = 0
			break
		}
		*aside = tried{true, w.count}
		w.step = leaving
	case leaving:
		n.done(*w, m)
		*w = attempt{}
	}
	next(n)
}
