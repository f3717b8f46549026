package model

// Divided models masters that are replaced while they go on: one record, two workers, and an agent. A replica that may lag is elected in
// the master's place. The first worker and the agent follow it, the second one goes on at the master that it had, for as long as it
// likes. What is put at a server from which another has taken over is lost. HISTORY has every announced change. Each server has a mark,
// as in LostWrites, and a term.
type Divided struct {
	Edits     uint8
	Copies    uint8 // of the master by its replica, which is elected as it was at the last copy
	Elections uint8 // two at most
	Crashes   uint8 // of workers
	Heals     uint8 // the second worker is led to the master of the others
}

// The mutants of Divided.
const (
	NoTerms         Mutant = "a worker puts at the server that it has, whatever it knows of terms"
	TermForEver     Mutant = "a worker goes by the term that it has read once"
	ReplayedTooSoon Mutant = "what is lost at the old master is replayed before every worker knows of the new term"
	TermUnnoted     Mutant = "a term is begun in the server that has taken over, and nobody else learns of it"
	RefusedIsDone   Mutant = "a change that an old master refuses is acknowledged"
)

// DividedMutants returns all mutants of Divided.
func DividedMutants() []Mutant {
	return []Mutant{NoTerms, TermForEver, ReplayedTooSoon, TermUnnoted, RefusedIsDone}
}

// server is what one master has.
type server struct {
	val, mark, term uint8
	stamp           uint8
}

// divider is a worker: a putter at one of the servers, which knows of a term.
type divider struct {
	putter
	at, term uint8
}

// The further step of a divider, and the steps of the agent.
const (
	allowed = fetched + 1 // it knows of no newer term than its server's, and may take its time

	unseen    = 0 // nobody has seen that another server has taken over
	begun     = 1 // the term is in the server
	noted     = 2
	everybody = 3 // knows of the term
)

type divided struct {
	left      Divided
	upstream  uint8
	announced uint8
	issued    uint8 // source of stamps
	changes   [2]queue

	servers [3]server
	replica server
	master  uint8 // position of the server that was elected last
	seen    uint8 // that for which HISTORY was replayed
	agent   uint8
	note    uint8 // the newest term
	workers [2]divider
}

// Explore implements Scenario.
func (d Divided) Explore(m Mutant) Result {
	one := server{val: 1, stamp: 1}
	return explore(divided{left: d, upstream: 1, issued: 1, servers: [3]server{one}, replica: one}, m)
}

func (s divided) wrong() string {
	if s.servers[s.master].val != s.upstream {
		return recordDiffers
	}
	return ""
}

func (s divided) environment(m Mutant, next func(divided)) {
	if s.left.Edits > 0 {
		n := s
		n.left.Edits--
		n.upstream = 3 - s.upstream
		n.announced++
		n.changes[unforced].publish(m)
		next(n)
	}
	if s.left.Copies > 0 {
		n := s
		n.left.Copies--
		n.replica = s.servers[s.master]
		next(n)
	}
	if s.left.Elections > 0 {
		n := s
		n.left.Elections--
		n.master++
		n.servers[n.master] = s.replica
		n.agent = unseen
		next(n)
	}
	if s.left.Heals > 0 && s.workers[1].at != s.master {
		n := s
		n.left.Heals--
		n.workers[1].at = s.master
		next(n)
	}
	if s.seen == s.master && s.servers[s.master].mark < s.announced && s.changes[unforced].seq == 0 && s.changes[forced].seq == 0 {
		n := s
		n.servers[s.master].mark = s.announced
		next(n)
	}
	for i, w := range s.workers {
		if w.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.giveBack(i)
			next(n)
		}
		if w.term != s.note && m != TermForEver {
			n := s
			n.workers[i].term = s.note
			next(n)
		}
	}
}

// giveBack has a worker's change delivered again.
func (s *divided) giveBack(i int) {
	w := &s.workers[i]
	s.changes[w.line].again(w.seq)
	w.putter = putter{}
}

func (s divided) ours(m Mutant, next func(divided)) {
	if s.workers[0].at != s.master {
		n := s
		n.workers[0].at = s.master
		next(n)
	}
	if s.seen != s.master {
		n := s
		n.takeOver(m)
		next(n)
	}
	for i := range s.workers {
		s.work(i, m, next)
	}
}

// takeOver is the agent's next step.
func (s *divided) takeOver(m Mutant) {
	now := &s.servers[s.master]
	switch s.agent {
	case unseen:
		now.term = max(now.term, s.note) + 1
		s.agent = begun
		if m == TermUnnoted {
			s.agent = everybody
		}
	case begun:
		s.note = now.term
		s.agent = noted
		if m == ReplayedTooSoon {
			s.agent = everybody
		}
	case noted:
		s.agent = everybody
		for i := range s.workers {
			if m != TermForEver {
				s.workers[i].term = s.note
			}
		}
	case everybody:
		s.agent = unseen
		s.seen = s.master
		if s.announced > now.mark {
			s.changes[forced].publish(m)
		}
	}
}

func (s divided) work(i int, m Mutant, next func(divided)) {
	n := s
	w := &n.workers[i]
	at := &n.servers[w.at]
	switch w.step {
	case 0:
		for k, q := range s.changes {
			if q.ready {
				n := s
				n.changes[k].ready = false
				n.workers[i].putter = putter{step: took, line: uint8(k), seq: q.seq}
				next(n)
			}
		}
		return
	case took:
		w.step = readStamp
		w.stamp = at.stamp
	case readStamp:
		w.step = fetched
		w.val = s.upstream
	case fetched:
		w.step = allowed
		if at.term < w.term && m != NoTerms {
			if m == RefusedIsDone {
				n.changes[w.line].ack(w.seq, m)
			}
			n.giveBack(i)
		}
	case allowed:
		if at.stamp != w.stamp {
			w.step = took
			break
		}
		n.issued++
		at.val, at.stamp = w.val, n.issued
		n.changes[w.line].ack(w.seq, m)
		w.putter = putter{}
	}
	next(n)
}
