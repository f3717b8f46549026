package templates

import (
	"cmp"
	"errors"
	"slices"
	"sync"
)

// Failing is a place in a set's files at which pages could not be rendered.
type Failing struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Pages int    `json:"pages"` // how often a page failed there
	Error string `json:"error"` // the last one
}

const maxFaults = 100 // places; faults at further ones are not counted

// faults count the faults of a set by their place. They are safe for concurrent use.
type faults struct {
	mu sync.Mutex // guards at
	at map[location]*Failing
}

type location struct {
	file string
	line int
}

// add counts err if it is a Fault.
func (f *faults) add(err error) {
	var fault *Fault
	if !errors.As(err, &fault) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	where := location{fault.File, fault.Line}
	known := f.at[where]
	if known == nil {
		if len(f.at) == maxFaults {
			return
		}
		if f.at == nil {
			f.at = map[location]*Failing{}
		}
		known = &Failing{File: fault.File, Line: fault.Line}
		f.at[where] = known
	}
	known.Pages++
	known.Error = fault.Error()
}

// Faults returns the places at which pages failed, those with most failures first.
func (s *Set) Faults() (all []Failing) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range s.faults.at {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Failing) int {
		return cmp.Or(b.Pages-a.Pages, cmp.Compare(a.File, b.File), a.Line-b.Line)
	})
	return all
}
