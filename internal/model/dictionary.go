package model

// Dictionary models a store that is flushed, and so loses the dictionary that its values are compressed with, while a process runs that
// has the dictionary in memory. A second process starts later. There is one value, which either of them may write.
type Dictionary struct {
	Flushes uint8
	Changes uint8 // for each of them the value is written once
	Starts  uint8 // of the second process
	Ends    uint8 // of the first process
}

// The mutants of Dictionary.
const (
	DictionaryLost  Mutant = "a process goes on writing with a dictionary that the store has lost"
	UnreadableStays Mutant = "a value that can't be read is not fetched anew"
)

// DictionaryMutants returns all mutants of Dictionary.
func DictionaryMutants() []Mutant { return []Mutant{DictionaryLost, UnreadableStays} }

// What the store has of the value.
const (
	nothing = iota
	plain
	squeezed
)

type dictionary struct {
	left   Dictionary
	stored bool // the store has the dictionary
	walked bool // everything was announced since the last flush
	value  uint8
	waits  bool    // a change waits, of an edit or of a walk
	runs   [2]bool // whether each process runs
	knows  [2]bool // whether it has the dictionary in memory
	noted  [2]bool // whether it has noticed the last flush
}

// Explore implements Scenario.
func (d Dictionary) Explore(m Mutant) Result {
	return explore(dictionary{left: d, stored: true, walked: true, value: squeezed, runs: [2]bool{true, false}, knows: [2]bool{true, false}, noted: [2]bool{true, true}}, m)
}

func (s dictionary) wrong() string {
	for i, runs := range s.runs {
		switch {
		case !runs:
		case s.value == nothing:
			return "a value is missing"
		case s.value == squeezed && !s.reads(i):
			return "a process can't read a value"
		}
	}
	return ""
}

// reads reports whether a process can read a compressed value. A process looks in the store for a dictionary that it does not have.
func (s *dictionary) reads(i int) bool { return s.knows[i] || s.stored }

func (s dictionary) environment(_ Mutant, next func(dictionary)) {
	if s.left.Flushes > 0 {
		n := s
		n.left.Flushes--
		n.stored = false
		n.walked = false
		n.noted = [2]bool{}
		n.value = nothing
		next(n)
	}
	if s.left.Changes > 0 {
		n := s
		n.left.Changes--
		n.waits = true
		next(n)
	}
	if s.left.Starts > 0 && !s.runs[1] {
		n := s
		n.left.Starts--
		n.runs[1] = true
		n.knows[1] = s.stored
		n.noted[1] = false
		next(n)
	}
	if s.left.Ends > 0 && s.runs[0] && s.runs[1] {
		n := s
		n.left.Ends--
		n.runs[0] = false
		n.knows[0] = false
		n.noted[0] = true
		next(n)
	}
}

func (s dictionary) ours(m Mutant, next func(dictionary)) {
	for i, runs := range s.runs {
		if runs && !s.noted[i] { // it stores its dictionary again; the first process to notice also has everything announced
			n := s
			n.noted[i] = true
			n.walked = true
			n.waits = s.waits || !s.walked
			n.stored = s.stored || s.knows[i] && m != DictionaryLost
			next(n)
		}
		if runs && s.waits {
			n := s
			n.waits = false
			n.value = plain
			if s.knows[i] || s.stored {
				n.value = squeezed
				n.knows[i] = true
			}
			next(n)
		}
		if runs && s.value == squeezed && !s.reads(i) && m != DictionaryLost && m != UnreadableStays && !s.waits {
			n := s
			n.waits = true
			next(n)
		}
	}
}
