package program

import (
	"fmt"
	"time"

	"vitrine/internal/item"
)

// The limits of the work on one page.
const (
	MaxSteps  = 500_000  // words of templates that are executed, where a loop's count each time
	MaxMade   = 16 << 20 // bytes of text that functions produce
	MaxOutput = 2 << 20  // bytes of one rendered page

	maxTime = 2 * time.Second

	// A page of few steps may take longer: when the machine stalls, the template is not to blame.
	fewSteps   = 1000
	maxTimeFew = 5 * time.Second

	stepsPerClock = 16 // calls of Step between two looks at the clock
)

// Budget counts what the page being rendered has cost so far, and ends the page at a limit. A template cannot be interrupted from
// outside, and its cost does not follow from its text, since data may set the length of a loop. So metered templates call Step as they
// run.
type Budget struct {
	steps int
	calls int // calls of Step
	made  int
	began time.Time
}

// Start resets the budget for a new page.
func (b *Budget) Start() { *b = Budget{began: time.Now()} }

// Step charges so many words of a template. Metered templates call it between any two parts that take time. It fails with an error that
// wraps item.ErrRefused if the page has taken more than MaxSteps, or too long.
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

// Text returns the text that f produces, which is at most most bytes long, and charges its length. It fails with an error that wraps
// item.ErrRefused, without a call of f, if a text of that length could exceed MaxMade.
func (b *Budget) Text(most int, f func() string) (string, error) {
	if most > MaxMade-b.made {
		return "", fmt.Errorf("%w: the page puts texts of more than %d bytes together", item.ErrRefused, MaxMade)
	}
	s := f()
	b.made += len(s)
	return s, nil
}
