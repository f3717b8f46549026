package model

// Walks models a loss of NATS's streams: everything is announced again, from the lists of the upstreams and from the store. A walk takes
// several steps, and may fail. A list has only the entities that exist at that moment.
//
// Of the four entities one may be edited; one may be deleted, and is not listed from then on; one is of a kind that has no list; and one
// may be created. Each may change once. An announced change waits until a worker fetches the entity.
type Walks struct {
	Losses   uint8 // of the streams
	Failures uint8 // of a page of the list
	Crashes  uint8 // of the process that walks
	BadIDs   bool  // the list has an id that can't be an entity's
}

// The mutants of Walks.
const (
	WalkListed    Mutant = "a walk announces only what is listed"
	PositionFirst Mutant = "the position of the new stream is stored before the walk that it calls for has succeeded"
	PositionLast  Mutant = "the position that a walk stores is read at its end"
	BadIDEnds     Mutant = "a walk ends at an id that can't be an entity's"
	FailedIsDone  Mutant = "a walk that failed is not begun anew"
)

// WalksMutants returns all mutants of Walks.
func WalksMutants() []Mutant {
	return []Mutant{WalkListed, PositionFirst, PositionLast, BadIDEnds, FailedIsDone}
}

// The entities.
const (
	edited = iota
	dropped
	unlistable
	created
	entities
)

// walker is the process that walks; step 0 is idle. stream is the stream for which it walks.
type walker struct {
	step, stream uint8
}

// The steps of a walker. Each names what the walker did last.
const (
	began = iota + 1
	walkedFirst
	walkedList
	walkedStore
)

type walks struct {
	left         Walks
	changed      [entities]bool
	upstream     [entities]uint8 // 0: does not exist
	record       [entities]uint8
	waits        [entities]bool // whether a change of it is in a stream
	stream, seen uint8          // number of the stream, and of the one that the store knows
	walker       walker
}

// Explore implements Scenario.
func (w Walks) Explore(m Mutant) Result {
	some := [entities]uint8{edited: 1, dropped: 1, unlistable: 1}
	return explore(walks{left: w, upstream: some, record: some, stream: 1, seen: 1}, m)
}

func (s walks) wrong() string {
	if s.record != s.upstream {
		return recordDiffers
	}
	return ""
}

func (s walks) environment(_ Mutant, next func(walks)) {
	for e, done := range s.changed {
		if !done {
			n := s
			n.changed[e] = true
			n.waits[e] = true
			n.upstream[e] = 2
			if e == dropped {
				n.upstream[e] = 0
			}
			next(n)
		}
	}
	if s.left.Losses > 0 {
		n := s
		n.left.Losses--
		n.waits = [entities]bool{}
		n.stream++
		next(n)
	}
	if s.walker.step > 0 && s.left.Crashes > 0 {
		n := s
		n.left.Crashes--
		n.walker = walker{}
		next(n)
	}
}

func (s walks) ours(m Mutant, next func(walks)) {
	for e, waits := range s.waits {
		if waits {
			n := s
			n.waits[e] = false
			n.record[e] = s.upstream[e]
			next(n)
		}
	}
	s.walk(m, next)
}

func (s walks) walk(m Mutant, next func(walks)) {
	n := s
	w := &n.walker
	switch w.step {
	case 0:
		if s.stream == s.seen {
			return
		}
		*w = walker{began, s.stream}
		if m == PositionFirst {
			n.seen = s.stream
		}
	case began, walkedFirst:
		if s.left.Failures > 0 {
			f := s
			f.left.Failures--
			f.walker = walker{}
			if m == FailedIsDone {
				f.seen = w.stream
			}
			next(f)
		}
		if w.step == walkedFirst && s.left.BadIDs && m == BadIDEnds {
			*w = walker{}
			break
		}
		n.announceListed(w.step == began)
		w.step++
	case walkedList:
		if m != WalkListed {
			for e, v := range s.record {
				n.waits[e] = s.waits[e] || v != 0
			}
		}
		w.step = walkedStore
	case walkedStore:
		n.seen = w.stream
		if m == PositionLast {
			n.seen = s.stream
		}
		*w = walker{}
	}
	next(n)
}

// announceListed announces the first or the second page of the list.
func (s *walks) announceListed(first bool) {
	page := []int{edited, dropped}
	if !first {
		page = []int{created}
	}
	for _, e := range page {
		s.waits[e] = s.waits[e] || s.upstream[e] != 0
	}
}
