package program

import (
	"fmt"
	"runtime"
	"syscall"
	"time"

	"vitrine/internal/item"
)

// The limits of the work on one page.
const (
	MaxSteps  = 500_000  // words of templates that are executed, where a loop's count each time
	MaxMade   = 16 << 20 // bytes of text that functions produce
	MaxOutput = 2 << 20  // bytes of one rendered page

	// A page that takes longer than freeTime may use moreTime of CPU, so that a page of a stalled machine is finished, and must end within
	// maxTime even so.
	freeTime = time.Second
	moreTime = time.Second
	maxTime  = 30 * time.Second

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

	alone bool          // the page's goroutine has a thread of its own
	used  time.Duration // CPU time of that thread when it became the page's
}

// Start resets the budget for a new page. The goroutine that renders it calls Start, Step and End.
func (b *Budget) Start() { *b = Budget{began: time.Now()} }

// End ends the page that Start began.
func (b *Budget) End() {
	if b.alone {
		b.alone = false
		runtime.UnlockOSThread()
	}
}

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
	if b.late() {
		return fmt.Errorf("%w: the page takes longer than %s", item.ErrRefused, freeTime+moreTime)
	}
	return nil
}

// late reports whether the page takes too long. From freeTime on its goroutine keeps its thread to itself, since only a thread's CPU time is known.
func (b *Budget) late() bool {
	age := time.Since(b.began)
	if age <= freeTime {
		return false
	}
	if !b.alone {
		runtime.LockOSThread()
		b.alone = true
		b.used = threadTime()
	}
	return age > maxTime || threadTime()-b.used > moreTime
}

// threadTime is the CPU time that this thread has used. Where the system does not know that, it is the time of day.
func threadTime() time.Duration {
	const thisThread = 1 // RUSAGE_THREAD of Linux
	var used syscall.Rusage
	if err := syscall.Getrusage(thisThread, &used); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
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
