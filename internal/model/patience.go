package model

// Patience models answers that are no newer than the record: one record with a version, and two processes with a worker each. The upstream may
// be restored from a backup. It has a replica, which lags for less than the minute for which an older answer is doubted. A tick of the clock
// is half of that minute.
//
// The upstream is edited only while no change of the record waits or is being handled. If one fetch stood for several edits, a lagging replica
// could answer with one of them that is newer than the record and not the newest, and nobody could know.
type Patience struct {
	Edits      uint8
	Restores   uint8 // of the upstream, from a backup
	Lags       uint8 // answers from the replica while it lags
	Duplicates uint8 // of an announcement
	Crashes    uint8
}

// The mutants of Patience.
const (
	DoubtStays     Mutant = "the doubt of an older answer is kept per process and never expires"
	DoubtOfAny     Mutant = "a doubt that travels with a change counts against whatever the record became meanwhile"
	OlderWins      Mutant = "an older answer is believed at once"
	OlderNeverWins Mutant = "an older answer is never believed"
	DoubtForgotten Mutant = "the doubt of an older answer begins anew with each try"
	EqualIsFinal   Mutant = "an answer as old as the record is final, though a change was announced"
	OlderIsFinal   Mutant = "an older answer that is believed at last is final"
	LookReplaces   Mutant = "a second look takes the place of an announcement that waits"
)

// PatienceMutants returns all mutants of Patience.
func PatienceMutants() []Mutant {
	return []Mutant{DoubtStays, DoubtOfAny, OlderWins, OlderNeverWins, DoubtForgotten, EqualIsFinal, OlderIsFinal, LookReplaces}
}

// olderIsFinal reports whether, under the mutant, no second look follows an older answer. The second look would repair in the end what
// these mutants break.
func (m Mutant) olderIsFinal() bool {
	return m == OlderIsFinal || m == DoubtStays || m == DoubtOfAny || m == OlderWins
}

// minute is for how many ticks an older answer is doubted. Any lag ends sooner.
const minute = 2

// said is what the upstream or the record says about the entity.
type said struct{ version, content uint8 }

// doubt says that answers older than version of have come, and for how many ticks (age).
type doubt struct {
	here bool
	of   uint8
	age  uint8
}

func (d *doubt) tick() {
	if d.here {
		d.age = min(d.age+1, minute)
	}
}

// line is a subject of CHANGES with its two schedules. A newer message or schedule replaces the one that waits. The second look at a record
// has a line of its own: in the same line it would replace a waiting announcement, and so prevent the second look that this may need.
type line struct {
	queue  queue
	doubt  doubt // carried by the message
	second bool  // the message is a second look
	retry  schedule
	look   schedule // due later than any lag
}

// schedule is a message that is published when it is due.
type schedule struct {
	here, second bool
	age          uint8
	doubt        doubt
}

func (c *schedule) tick() {
	if c.here {
		c.age = min(c.age+1, minute)
		c.doubt.tick()
	}
}

// The lines.
const (
	news = iota
	secondLook
)

// asker is a worker; step 0 is idle.
type asker struct {
	step, line, seq, stamp uint8
	doubt                  doubt
	second                 bool
	held, val              said
}

type patience struct {
	left            Patience
	content         uint8 // the last content that an edit or a restore gave
	leader, replica said
	lagging         uint8 // for how many ticks the replica has lagged
	record          said
	stamp           uint8
	lines           [2]line
	memory          [2]doubt // DoubtStays: the doubt of each process
	workers         [2]asker
}

// Explore implements Scenario.
func (p Patience) Explore(m Mutant) Result {
	one := said{version: 1, content: 1}
	return explore(patience{left: p, content: 1, leader: one, replica: one, record: one, stamp: 1}, m)
}

func (s patience) wrong() string {
	if s.record != s.leader {
		return recordDiffers
	}
	return ""
}

func (s patience) environment(m Mutant, next func(patience)) {
	idle := s.lines[news].queue.seq == 0
	if s.left.Edits > 0 && idle {
		n := s
		n.left.Edits--
		n.content++
		n.leader = said{s.leader.version + 1, n.content}
		n.announce(m)
		next(n)
	}
	if s.left.Restores > 0 && idle && s.leader.version > 1 {
		n := s
		n.left.Restores--
		n.content++
		n.leader = said{s.leader.version - 1, n.content}
		n.replica = n.leader
		n.announce(m)
		next(n)
	}
	if s.left.Duplicates > 0 {
		n := s
		n.left.Duplicates--
		n.announce(m)
		next(n)
	}
	if s.replica != s.leader {
		n := s
		n.catchUp()
		next(n)
	}
	next(s.tick())
	for i, w := range s.workers {
		if w.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.lines[w.line].queue.again(w.seq)
			n.workers[i] = asker{}
			n.memory[i] = doubt{}
			next(n)
		}
		if w.step == readStamp && s.left.Lags > 0 && s.replica != s.leader {
			n := s
			n.left.Lags--
			n.workers[i].step = fetched
			n.workers[i].val = s.replica
			next(n)
		}
	}
}

func (s *patience) announce(m Mutant) {
	l := &s.lines[news]
	l.queue.publish(m)
	l.doubt = doubt{}
	l.second = false
}

func (s *patience) catchUp() {
	s.replica = s.leader
	s.lagging = 0
}

// tick returns s half a minute later. A replica that has lagged for a minute has then caught up.
func (s patience) tick() patience {
	if s.replica != s.leader {
		s.lagging++
		if s.lagging == minute {
			s.catchUp()
		}
	}
	for i := range s.lines {
		l := &s.lines[i]
		l.doubt.tick()
		l.retry.tick()
		l.look.tick()
	}
	for i, w := range s.workers {
		if w.step < fetched { // the age of a doubt counts up to the fetch
			s.workers[i].doubt.tick()
		}
		s.memory[i].tick()
	}
	return s
}

func (s patience) ours(m Mutant, next func(patience)) {
	for i, l := range s.lines {
		if l.retry.here || l.look.here {
			next(s.tick())
		}
		if l.retry.age > 0 {
			n := s
			n.lines[i].retry = schedule{}
			n.fire(i, l.retry, m)
			next(n)
		}
		if l.look.age == minute {
			n := s
			n.lines[i].look = schedule{}
			n.fire(i, l.look, m)
			next(n)
		}
	}
	for i := range s.workers {
		s.work(i, m, next)
	}
}

// fire publishes the message of a schedule.
func (s *patience) fire(at int, c schedule, m Mutant) {
	l := &s.lines[at]
	l.queue.publish(m)
	l.doubt = c.doubt
	l.second = c.second
	s.renumber(at)
}

// renumber keeps the sequence numbers of a line's messages low.
func (s *patience) renumber(line int) {
	var held []*uint8
	for i := range s.workers {
		if w := &s.workers[i]; w.step > 0 && int(w.line) == line {
			held = append(held, &w.seq)
		}
	}
	s.lines[line].queue.renumber(held...)
}

func (s patience) work(i int, m Mutant, next func(patience)) {
	n := s
	w := &n.workers[i]
	switch w.step {
	case 0:
		for k, l := range s.lines {
			if l.queue.ready {
				n := s
				n.lines[k].queue.ready = false
				n.workers[i] = asker{step: took, line: uint8(k), seq: l.queue.seq, doubt: l.doubt, second: l.second}
				next(n)
			}
		}
		return
	case took:
		w.step = readStamp
		w.stamp = s.stamp
		w.held = s.record
	case readStamp:
		w.step = fetched
		w.val = s.leader
	case fetched:
		n.decide(i, m)
	}
	next(n)
}

// decide puts the answer of worker i, or has the upstream asked again.
func (s *patience) decide(i int, m Mutant) {
	w := &s.workers[i]
	retry := &s.lines[w.line].retry
	older := w.val.version < w.held.version
	switch {
	case older && s.doubted(i, m):
		if was := retry.doubt; was.here && was.of == w.doubt.of && was.age > w.doubt.age {
			w.doubt = was // the doubt of the replaced schedule is older
		}
		*retry = schedule{here: true, second: w.second, doubt: w.doubt}
	case s.stamp != w.stamp:
		w.step = took
		return
	default:
		if w.val == w.held && !w.second && m != EqualIsFinal || older && !m.olderIsFinal() {
			s.order(m)
		}
		s.record = w.val
		s.stamp++
		s.memory[i] = doubt{}
	}
	s.lines[w.line].queue.ack(w.seq, m)
	*w = asker{}
}

// order schedules a second look.
func (s *patience) order(m Mutant) {
	at := secondLook
	if m == LookReplaces {
		at = news
	}
	s.lines[at].look = schedule{here: true, second: true}
}

// doubted reports whether an older answer is not accepted yet.
func (s *patience) doubted(i int, m Mutant) bool {
	w := &s.workers[i]
	d := &w.doubt
	switch m {
	case OlderWins:
		return false
	case OlderNeverWins:
		return true
	case DoubtStays:
		d = &s.memory[i]
	case DoubtForgotten:
		*d = doubt{}
	}
	if !d.here || d.of != w.held.version && m != DoubtOfAny && m != DoubtStays {
		*d = doubt{here: true, of: w.held.version}
	}
	return d.age < minute
}
