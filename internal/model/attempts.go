package model

// Attempts models a change whose fetch fails: one record, two workers, an upstream that is silent, answers "not now" or sends an answer that
// is refused, a store of our own that may be unavailable, and a stream to park in. Silence may outlast any number of attempts. The fields
// bound how often each event happens.
type Attempts struct {
	Edits    uint8
	Silences uint8 // calls that the upstream does not answer
	Refusals uint8 // calls that it answers with something that has to be refused
	NotNows  uint8 // calls that it answers with an error in place of the data
	Outages  uint8 // puts that fail because our own store is unavailable
	Crashes  uint8
}

// The mutants of Attempts.
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

// AttemptsMutants returns all mutants of Attempts.
func AttemptsMutants() []Mutant {
	return []Mutant{SilenceCounts, NotNowCounts, NotNowDeletes, OutageCounts, DeliveriesCount, AckBeforePark, ParkedForgotten, RetryUnacked}
}

// refusalsMax is the number of refusals after which a change becomes a dead letter.
const refusalsMax = 2

// tried is a change that is parked or scheduled for a retry. count is how many attempts it has had.
type tried struct {
	here  bool
	count uint8
}

// attempt is a worker; step 0 is idle.
type attempt struct {
	step, seq, count, stamp, val uint8
	parked                       bool // its change came from PARKED
}

// The further steps of an attempt, which begins with a worker's took, readStamp and fetched. Each but the last names what comes next.
const (
	parking  = iota + 10 // it parks the change
	retrying             // it stores the retry
	leaving              // everything is stored, and the acknowledgement is left
)

type attempts struct {
	left            Attempts
	upstream        uint8
	record, stamp   uint8
	change          queue
	carried         uint8 // number of attempts in the message in CHANGES
	parked, retried tried
	failed          bool
	refused         uint8 // number of refused answers, up to refusalsMax
	workers         [2]attempt
}

// Explore implements Scenario.
func (a Attempts) Explore(m Mutant) Result {
	return explore(attempts{left: a, upstream: 1, record: 1, stamp: 1}, m)
}

func (s attempts) wrong() string {
	switch {
	case s.failed && s.refused < refusalsMax:
		return "a change is given up though its upstream has not refused it as often as it may"
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

// noAnswer takes the steps in which worker i gets no usable answer: the upstream is silent, says "not now", or sends what has to be refused.
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

// giveBack has the change of a worker delivered again.
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

// count adds an attempt to a worker's change, if it counts. After the last one the change becomes a dead letter.
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

// done acknowledges the change of a worker.
func (s *attempts) done(w attempt, m Mutant) {
	if !w.parked {
		s.change.ack(w.seq, m)
	}
}

func (s attempts) ours(m Mutant, next func(attempts)) {
	if s.retried.here { // the retry is due
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
		if early && w.seq > 0 { // the mutant acknowledges first, and stores the change in its next step
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
