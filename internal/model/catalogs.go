package model

// Catalogs models two processes that learn of a new catalog at different times, or are restarted with a new binary whose cleaning rules
// differ. There is one record, to which each revision gives another shape, and one of a dimension that the first catalog does not have.
// Each process has a worker, and may sweep for the catalog. A process that hangs is taken for gone. It goes on later with the catalog that
// it had, and only the regular sweep finds what it then put.
type Catalogs struct {
	Pushes   uint8 // of catalogs
	Upgrades uint8 // of the binary of a process
	Changes  uint8 // announced changes of the record
	News     uint8 // announced changes of the new dimension
	Failures uint8 // of sweeps
	Hangs    uint8 // of a process
}

// The mutants of Catalogs.
const (
	SweepAlone      Mutant = "a sweep begins before every process has the catalog that it is for"
	OldOverNew      Mutant = "a process says that it has a catalog while it still has work in hand by the one before, which it puts"
	SweepOnce       Mutant = "a sweep that failed is not tried again"
	SweptByRevision Mutant = "what was swept for is kept as the catalog's revision alone"
	UnknownFinal    Mutant = "what a process's catalog does not know is a dead letter, whichever catalog is in force"
	RecordsUnswept  Mutant = "a sweep looks at blobs alone"
)

// CatalogsMutants returns all mutants of Catalogs.
func CatalogsMutants() []Mutant {
	return []Mutant{SweepAlone, OldOverNew, SweepOnce, SweptByRevision, UnknownFinal, RecordsUnswept}
}

// form is what decides the shape of a record.
type form struct{ revision, binary uint8 }

// peer is a process with one worker. Step 0 of the worker is idle.
type peer struct {
	form    form // the revision of its catalog, and its binary
	gone    bool // the others take it for gone
	step    uint8
	stamp   uint8
	by      form  // what its worker goes by, fixed when it took the change
	sweep   uint8 // 0 if it does not sweep, 1 while it looks at the record, 2 after that
	sweeper form  // the form that it sweeps for
}

// asked is the last step of a peer's worker: it has asked whether its catalog is in force, and may put.
const asked = readStamp + 1

type catalogs struct {
	left   Catalogs
	head   uint8 // the revision in force
	record form
	stamp  uint8
	waits  bool // a change of the record waits
	newDim bool // a change of the new dimension waits
	wanted bool // a change of the new dimension was announced
	known  bool // the new dimension has a record
	swept  form
	hung   bool // a process has been taken for gone
	peers  [2]peer
}

// Explore implements Scenario.
func (c Catalogs) Explore(m Mutant) Result {
	one := form{1, 1}
	return explore(catalogs{left: c, head: 1, record: one, stamp: 1, swept: one, peers: [2]peer{{form: one}, {form: one}}}, m)
}

func (s catalogs) wrong() string {
	switch {
	case s.peers[0].form.binary != s.peers[1].form.binary:
		return "" // a deployment is half done: there is no right shape
	case s.record != s.peers[0].form:
		return "a record has the shape of a catalog or a binary that is no longer in force"
	case s.wanted && s.head > 1 && !s.known:
		return "a change of a dimension that the catalog in force has is lost"
	}
	return ""
}

func (s catalogs) environment(_ Mutant, next func(catalogs)) {
	if s.left.Pushes > 0 {
		n := s
		n.left.Pushes--
		n.head++
		next(n)
	}
	if s.left.Changes > 0 {
		n := s
		n.left.Changes--
		n.waits = true
		next(n)
	}
	if s.left.News > 0 && s.head > 1 {
		n := s
		n.left.News--
		n.newDim = true
		n.wanted = true
		next(n)
	}
	for i, p := range s.peers {
		if s.left.Upgrades > 0 && p.form.binary == 1 {
			n := s
			n.left.Upgrades--
			n.waits = s.waits || p.step > 0 // its change is delivered again
			n.peers[i] = peer{form: form{p.form.revision, 2}}
			next(n)
		}
		if s.left.Hangs > 0 {
			n := s
			n.left.Hangs--
			n.peers[i].gone = true
			n.hung = true
			n.waits = s.waits || p.step > 0
			next(n)
		}
	}
}

func (s catalogs) ours(m Mutant, next func(catalogs)) {
	for i, p := range s.peers {
		if p.form.revision < s.head && (p.step == 0 || m.overlaps()) {
			n := s
			n.peers[i].form.revision = s.head
			next(n)
		}
		s.work(i, m, next)
		s.sweepStep(i, m, next)
	}
	if s.hung && s.peers[0].form == s.peers[1].form && s.record != s.peers[0].form && !s.waits && m != RecordsUnswept {
		n := s
		n.waits = true // the regular sweep
		next(n)
	}
}

// overlaps reports whether, under the mutant, a process adopts a catalog while it still has work by the previous one.
func (m Mutant) overlaps() bool { return m == OldOverNew || m == SweepAlone }

func (s catalogs) work(i int, m Mutant, next func(catalogs)) {
	n := s
	p := &n.peers[i]
	switch {
	case p.step == 0 && s.waits:
		n.waits = false
		p.step = took
		p.by = p.form
		next(n)
	case p.step == took:
		p.step = asked
		p.stamp = s.stamp
		if s.record != p.by && p.by.revision != s.head && !m.overlaps() {
			p.step = 0
			p.by = form{}
			p.stamp = 0
			n.waits = true // another process takes the change, or this one later
		}
		next(n)
	case p.step == asked:
		if p.stamp == s.stamp {
			n.record = p.by
			n.stamp++
		} else {
			n.waits = true
		}
		p.step = 0
		p.by = form{}
		p.stamp = 0
		next(n)
	}
	if !s.newDim {
		return
	}
	switch p := s.peers[i]; {
	case p.form.revision > 1:
		n := s
		n.newDim = false
		n.known = true
		next(n)
	case m == UnknownFinal:
		n := s
		n.newDim = false
		next(n)
	}
}

// due reports whether process i has to begin a sweep for its form.
func (s *catalogs) due(i int, m Mutant) bool {
	p := s.peers[i]
	if p.sweep > 0 || p.form.revision != s.head || p.form == s.swept {
		return false
	}
	if m == SweptByRevision && p.form.revision == s.swept.revision {
		return false
	}
	return m == SweepAlone || p.form == s.peers[1-i].form || s.peers[1-i].gone
}

func (s catalogs) sweepStep(i int, m Mutant, next func(catalogs)) {
	n := s
	p := &n.peers[i]
	switch {
	case s.due(i, m):
		p.sweep = 1
		p.sweeper = p.form
	case p.sweep == 1:
		if s.left.Failures > 0 {
			f := s
			f.left.Failures--
			f.peers[i].sweep = 0
			f.peers[i].sweeper = form{}
			if m == SweepOnce {
				f.swept = p.sweeper
			}
			next(f)
		}
		n.waits = s.waits || s.record != p.sweeper && m != RecordsUnswept
		p.sweep = 2
	case p.sweep == 2:
		n.swept = p.sweeper
		p.sweep = 0
		p.sweeper = form{}
	default:
		return
	}
	next(n)
}
