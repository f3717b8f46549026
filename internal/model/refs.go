package model

// Refs models a record that refers to another entity. The other entity is announced if it has no record, and the relation index lists the
// one under the other. There are one SKU, which refers to one of two brands, two workers and two syncers. At the start the SKU refers to the
// first brand, and nobody has asked for the second. Each entry of the index has a version, so that a late removal does not take away what
// was added since.
type Refs struct {
	Edits    uint8 // each makes the SKU refer to the other brand
	Crashes  uint8
	Failures uint8 // of announcements
}

// The mutants of Refs.
const (
	RefsOfApplied     Mutant = "what a record refers to is announced only where its put changed it"
	RefsForgotten     Mutant = "a failed announcement of what a record refers to is logged, and the change acknowledged"
	RefsAfterAck      Mutant = "a change is acknowledged before what it refers to is announced"
	AppliedFirst      Mutant = "relations are marked applied before the index is written"
	RemovedAnyVersion Mutant = "a removal takes away whatever version is listed"
	RemovedFirst      Mutant = "what is no longer referred to is removed before that is marked"
	RelationsUnswept  Mutant = "no sweep looks for relations that are behind their records"
	RelationUnwritten Mutant = "a record that refers elsewhere is clean while its blobs are"
)

// RefsMutants returns all mutants of Refs.
func RefsMutants() []Mutant {
	return []Mutant{RefsOfApplied, RefsForgotten, RefsAfterAck, AppliedFirst, RemovedAnyVersion, RemovedFirst, RelationsUnswept, RelationUnwritten}
}

// referrer is a worker; step 0 is idle.
type referrer struct {
	step, seq, stamp, val uint8
	silent                bool // RefsOfApplied: nothing is announced
}

// relater is a syncer; step 0 is idle.
type relater struct {
	step, seq, was, now uint8
	versions            versions // as they were when was was read
}

// versions holds the version under which the SKU is listed, by brand, and the last version that was issued.
type versions struct {
	of   [2]uint8
	last uint8
}

type refs struct {
	left          Refs
	upstream      uint8 // the brand that the SKU refers to: 0 or 1
	record, stamp uint8
	change, syncs queue
	announced     [2]bool
	known         [2]bool // a brand has a record
	applied       uint8
	versions      versions
	index         [2]uint8 // the versions listed under each brand, one bit for each
	workers       [2]referrer
	syncers       [2]relater
}

// Explore implements Scenario.
func (r Refs) Explore(m Mutant) Result {
	return explore(refs{left: r, stamp: 1, known: [2]bool{true, false}, index: [2]uint8{1 << 0, 0}}, m)
}

func (s refs) wrong() string {
	switch {
	case s.record != s.upstream:
		return recordDiffers
	case !s.known[s.record]:
		return "nobody asks for what a record refers to"
	case s.index[s.record] == 0: // an extra entry is harmless: readers check what they find in the index
		return "the index lacks what a record refers to"
	}
	return ""
}

func (s refs) environment(m Mutant, next func(refs)) {
	if s.left.Edits > 0 {
		n := s
		n.left.Edits--
		n.upstream = 1 - n.upstream
		n.change.publish(m)
		next(n)
	}
	for i, w := range s.workers {
		if w.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.change.again(w.seq)
			n.workers[i] = referrer{}
			next(n)
		}
		if w.step == put && s.left.Failures > 0 {
			n := s
			n.left.Failures--
			if m == RefsForgotten {
				n.workers[i].step = announced
			} else {
				n.change.again(w.seq)
				n.workers[i] = referrer{}
			}
			next(n)
		}
	}
	for i, f := range s.syncers {
		if f.step > 0 && s.left.Crashes > 0 {
			n := s
			n.left.Crashes--
			n.syncs.again(f.seq)
			n.syncers[i] = relater{}
			next(n)
		}
	}
}

func (s refs) ours(m Mutant, next func(refs)) {
	for b, asked := range s.announced {
		if asked {
			n := s
			n.announced[b] = false
			n.known[b] = true
			next(n)
		}
	}
	for i := range s.workers {
		s.work(i, m, next)
	}
	for i := range s.syncers {
		s.relate(i, m, next)
	}
	if s.syncs.seq == 0 && s.syncers == [2]relater{} && s.applied != s.record && m != RelationsUnswept && m != RelationUnwritten {
		n := s
		n.syncs.publish(m) // as the sweep does: the syncer that marked last was overtaken by a newer record
		next(n)
	}
}

func (s refs) work(i int, m Mutant, next func(refs)) {
	n := s
	w := &n.workers[i]
	switch w.step {
	case 0:
		if !s.change.ready {
			return
		}
		n.change.ready = false
		*w = referrer{step: took, seq: s.change.seq}
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
		w.step = put
		w.silent = m == RefsOfApplied && s.record == w.val
		n.record = w.val
		n.stamp++
		if m == RefsAfterAck {
			n.change.ack(w.seq, m)
		}
	case put:
		if !s.known[w.val] && !w.silent {
			n.announced[w.val] = true
		}
		w.step = announced
	case announced:
		if m != RelationUnwritten {
			n.syncs.publish(m)
		}
		n.change.ack(w.seq, m)
		*w = referrer{}
	}
	next(n)
}

// The further steps of a relater, which begins with took. Each names what the relater did last.
const (
	readRefs = iota + 2
	added
	marked
)

func (s refs) relate(i int, m Mutant, next func(refs)) {
	n := s
	f := &n.syncers[i]
	switch f.step {
	case 0:
		if !s.syncs.ready {
			return
		}
		n.syncs.ready = false
		*f = relater{step: took, seq: s.syncs.seq}
	case took:
		f.step = readRefs
		f.was = s.applied
		f.now = s.record
		f.versions = s.versions
		if f.was == f.now { // nothing is dirty
			n.syncs.ack(f.seq, m)
			*f = relater{}
		} else if m == AppliedFirst {
			n.mark(f)
		}
	case readRefs:
		f.step = added
		n.index[f.now] |= 1 << (f.versions.last + 1)
		if m == RemovedFirst {
			n.remove(f, m)
		}
	case added:
		if (s.applied != f.was || s.versions != f.versions) && m != AppliedFirst {
			f.step = took // the state has changed: the relater begins again
			break
		}
		f.step = marked
		n.mark(f)
	case marked:
		n.remove(f, m)
		n.syncs.ack(f.seq, m)
		*f = relater{}
	}
	next(n)
}

// mark marks the relation that a relater has added as applied.
func (s *refs) mark(f *relater) {
	s.applied = f.now
	s.versions.last = f.versions.last + 1
	s.versions.of[f.now] = s.versions.last
}

// remove removes from the index the relation that was applied before.
func (s *refs) remove(f *relater, m Mutant) {
	if m == RemovedAnyVersion {
		s.index[f.was] = 0
	}
	s.index[f.was] &^= 1 << f.versions.of[f.was]
}
