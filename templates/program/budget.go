package program

import (
	"fmt"
	"time"

	"vitrine/internal/item"
)

// Bounds of the work on one page.
const (
	MaxSteps  = 500_000  // words of templates that are executed
	MaxMade   = 16 << 20 // bytes of texts that functions put together
	MaxOutput = 2 << 20  // bytes of one rendered page

	maxTime = 2 * time.Second

	// A page of few steps may take longer: a machine that stands still is no fault of the template.
	fewSteps   = 1000
	maxTimeFew = 5 * time.Second

	stepsPerClock = 16 // at the clock
)

// Budget is what the page being rendered may still cost. No deadline reaches into a template, and what it will do can't
// be told from its text: a count may come from data. So metered templates say how far they are.
type Budget struct {
	steps int
	calls int // of Step
	made  int
	began time.Time
}

// Start begins a page.
func (b *Budget) Start() { *b = Budget{began: time.Now()} }

// Step is called by templates, between any two things that take time.
func (b *Budget) Step(words int) error {
	b.steps += words
	if b.steps > MaxSteps {
		return fmt.Errorf("%w: the page takes more than %d steps", item.ErrRefused, MaxSteps)
	}
	b.calls++
	if b.calls%stepsPerClock != 0 {
		return nil
	}
	most := maxTime
	if b.steps <= fewSteps {
		most = maxTimeFew
	}
	if time.Since(b.began) > most {
		return fmt.Errorf("%w: the page takes longer than %s", item.ErrRefused, most)
	}
	return nil
}

// Text is what f makes, which is at most so many bytes long.
func (b *Budget) Text(most int, f func() string) (string, error) {
	if most > MaxMade-b.made {
		return "", fmt.Errorf("%w: the page puts texts of more than %d bytes together", item.ErrRefused, MaxMade)
	}
	s := f()
	b.made += len(s)
	return s, nil
}
