package model

// environment takes the steps that may happen or not: edits, crashes, redeliveries, losses, readers.
func (s state) environment(m Mutant, next func(state)) {
	for d := range s.upstream {
		if s.left.Edits[d] > 0 {
			n := s
			n.left.Edits[d]--
			n.upstream[d] = 3 - n.upstream[d]
			n.changes[d].publish(m)
			next(n)
		}
	}
	s.workerFaults(next)
	s.syncerFaults(next)
	if s.left.Losses > 0 {
		n := s
		n.left.Losses--
		n.lost = true
		for _, q := range []*queue{&n.changes[0], &n.changes[1], &n.syncs} {
			q.seq = 0
			q.ready = false
		}
		next(n)
	}
	if s.left.Gaps > 0 && s.announced > 0 {
		n := s
		n.left.Gaps--
		n.announced = 0
		if m != NoGap { // the cache sees the gap, and drops its entry and the fill in progress
			n.cached = false
			n.entry = syncing{}
			n.fill = syncing{}
		}
		next(n)
	}
	if s.left.Reads > 0 && s.fill.step == 0 {
		n := s
		n.left.Reads--
		n.fill = syncing{step: 1, gen: s.blobGen, vals: s.blob}
		next(n)
	}
}

// workerFaults takes the steps in which a worker crashes, or its message is delivered again while it still runs.
func (s state) workerFaults(next func(state)) {
	for i, w := range s.workers {
		if w.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.changes[w.dim].again(w.seq)
			n.workers[i] = worker{}
			next(n)
		}
		if w.step > 0 && s.left.Redelivers > 0 && s.changes[w.dim].seq == w.seq && !s.changes[w.dim].ready {
			n := s
			n.left.Redelivers--
			n.changes[w.dim].ready = true
			next(n)
		}
	}
}

// syncerFaults takes the same steps for syncers.
func (s state) syncerFaults(next func(state)) {
	for i, f := range s.syncers {
		if f.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.syncs.again(f.seq)
			n.syncers[i] = syncing{}
			next(n)
		}
		if f.step > 0 && s.left.Redelivers > 0 && s.syncs.seq == f.seq && !s.syncs.ready {
			n := s
			n.left.Redelivers--
			n.syncs.ready = true
			next(n)
		}
	}
}

// ours takes the steps of the workers, the syncers, the reader and the walk.
func (s state) ours(m Mutant, next func(state)) {
	for i := range s.workers {
		s.work(i, m, next)
	}
	for i := range s.syncers {
		s.foldStep(i, m, next)
	}
	if s.announced > 0 {
		n := s
		n.announced = 0
		n.minimum = max(n.minimum, s.announced)
		if n.cached && n.entry.gen < s.announced {
			n.cached = false
			n.entry = syncing{}
		}
		next(n)
	}
	if s.fill.step > 0 {
		n := s
		if (s.fill.gen >= s.minimum || m == NoMinimum) && (!s.cached || s.fill.gen > s.entry.gen) {
			n.cached = true
			n.entry = s.fill
		}
		n.fill = syncing{}
		next(n)
	}
	if s.lost && m != NoWalk {
		n := s
		n.lost = false
		n.changes[0].publish(m)
		n.changes[1].publish(m)
		n.syncs.publish(m) // as the sweep does
		next(n)
	}
}

// The steps of a worker. Each names what the worker did last.
const (
	took = iota + 1
	readStamp
	fetched
	put
	announced
)

func (s state) work(i int, m Mutant, next func(state)) {
	n := s
	w := &n.workers[i]
	d := w.dim
	switch s.workers[i].step {
	case 0:
		s.takeChange(i, m, next)
		return
	case took:
		w.step = readStamp
		w.stamp = s.stamp[d]
		if m == StampAfterFetch {
			w.val = s.upstream[d]
		}
	case readStamp:
		s.failFetch(i, m, next)
		w.step = fetched
		if m == StampAfterFetch {
			w.stamp = s.stamp[d]
		} else {
			w.val = s.upstream[d]
		}
	case fetched:
		n.put(w, m)
	case put:
		if w.owes {
			n.counter++
			n.gen[d] = n.counter
		}
		if m == AckBeforeSync {
			n.changes[d].ack(w.seq, m)
		}
		w.step = announced
		if m == AckBeforeSync {
			break
		}
		if !w.silent {
			n.syncs.publish(m)
		}
	case announced:
		if m == AckBeforeSync && !w.silent {
			n.syncs.publish(m)
		}
		n.changes[d].ack(w.seq, m)
		*w = worker{}
	}
	next(n)
}

// takeChange takes, for each message that is ready, the step in which idle worker i takes it.
func (s state) takeChange(i int, m Mutant, next func(state)) {
	for d := range s.changes {
		if !s.changes[d].ready {
			continue
		}
		n := s
		n.changes[d].ready = false
		n.workers[i] = worker{step: took, dim: uint8(d), seq: s.changes[d].seq}
		if m == AckBeforePut {
			n.changes[d].ack(s.changes[d].seq, m)
		}
		next(n)
	}
}

// failFetch takes the step in which the upstream fails to answer worker i.
func (s state) failFetch(i int, m Mutant, next func(state)) {
	if s.left.Failures == 0 {
		return
	}
	s.left.Failures--
	w := s.workers[i]
	d := w.dim
	s.changes[d].again(w.seq)
	s.workers[i] = worker{}
	if m == FailureDeletes {
		s.record[d] = deleted
		s.stamp[d]++
		s.counter++
		s.gen[d] = s.counter
		s.syncs.publish(m)
		s.changes[d].ack(w.seq, m)
	}
	next(s)
}

// put is the store's compare-and-set of a worker's answer.
func (s *state) put(w *worker, m Mutant) {
	d := w.dim
	switch {
	case s.stamp[d] != w.stamp && m == GiveUpOnChanged:
		s.changes[d].ack(w.seq, m)
		*w = worker{}
		return
	case s.stamp[d] != w.stamp && m != PutAnyway:
		w.step = took // the record has changed: the worker begins again
		return
	}
	w.step = put
	if s.record[d] == w.val {
		if m != SameKeepsStamp {
			s.stamp[d]++
		}
		w.silent = m == SilentOnSame
		return
	}
	s.record[d] = w.val
	s.stamp[d]++
	if m == GenApart {
		w.owes = true
		return
	}
	s.counter++
	s.gen[d] = s.counter
}

// The further steps of a syncer, which begins with took. Each names what the syncer did last.
const (
	readGens = iota + 2
	readFirst
	readSecond
	wrote
	announcedStep
)

func (s state) foldStep(i int, m Mutant, next func(state)) {
	n := s
	f := &n.syncers[i]
	switch s.syncers[i].step {
	case 0:
		if !s.syncs.ready {
			return
		}
		n.syncs.ready = false
		*f = syncing{step: took, seq: s.syncs.seq}
	case took:
		f.gen = s.highest(m)
		f.step = readGens
		if f.gen <= s.built { // nothing is dirty
			n.syncs.ack(f.seq, m)
			*f = syncing{}
		}
		if m == RecordsFirst && f.step > 0 {
			f.gen = 0
			f.vals = s.record
		}
	case readGens:
		f.step = readFirst
		if m == RecordsFirst {
			f.gen = s.highest(m)
			break
		}
		f.vals[0] = s.record[0]
	case readFirst:
		f.step = readSecond
		if m != RecordsFirst {
			f.vals[1] = s.record[1]
		}
		if m == MarkBeforeWrite {
			n.built = max(n.built, f.gen)
		}
	case readSecond:
		f.step = wrote
		f.refused = f.gen <= s.blobGen && m != WriteAnyway
		if !f.refused {
			n.blobGen, n.blob = f.gen, f.vals
		}
		if m == MarkBeforeAnnounce {
			n.built = max(n.built, f.gen)
		}
	case wrote:
		f.step = announcedStep
		switch {
		case m == NoDoubt:
			n.announced = f.gen
		case !f.refused || m != SilentOnRefused:
			n.announced = max(n.announced, f.gen) // the reader sees that an announcement was superseded, and takes no gen of the entity for granted
		}
	case announcedStep:
		n.built = max(n.built, f.gen)
		n.syncs.ack(f.seq, m)
		*f = syncing{}
	}
	next(n)
}
