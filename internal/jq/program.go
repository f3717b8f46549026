package jq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/itchyny/gojq"
)

// Bounds of one run.
const (
	MaxSteps = 4_000_000        // instructions
	MaxSize  = 8 << 20          // bytes of a text, and of a value that is written as text
	MaxItems = 1 << 20          // members of an array that a program makes by adding
	MaxIndex = 1 << 20          // of a place in an array
	MaxTime  = 10 * time.Second // a hundred times what MaxSteps take on an idle machine
)

// ErrWork says that a program was ended, for it did more than it may.
var ErrWork = errors.New("more work than a program may do")

// Program is a compiled jq program: no environment, no modules, no input functions. It may be run by many at once.
type Program struct {
	Text  string
	codes sync.Pool // of *gojq.Code
}

// Compile compiles a parsed program, whose text is kept for messages. It changes parsed.
func Compile(text string, parsed *gojq.Query) (*Program, error) {
	bound(parsed)
	compile := func() (*gojq.Code, error) { return gojq.Compile(parsed, functions()...) }
	code, err := compile()
	if err != nil {
		return nil, err
	}
	p := &Program{Text: text}
	p.codes.New = func() any {
		again, err := compile()
		if err != nil {
			panic(err) // it has compiled before
		}
		return again
	}
	p.codes.Put(code)
	return p, nil
}

// Run hands the first output of the program, nil where there is none, to use, to which it belongs until use
// returns: it can hold literal objects of the program, and del() writes to all that it walks over. Errors of the
// program are given as they are; ErrWork is wrapped where it went on for too long.
func (p *Program) Run(input any, use func(any) error) error {
	code := p.codes.Get().(*gojq.Code)
	defer p.codes.Put(code)
	work := &work{Context: context.Background(), left: MaxSteps, until: time.Now().Add(MaxTime)}
	output, _ := code.RunWithContext(work, input).Next()
	err, failed := output.(error)
	switch {
	case work.err != nil:
		return work.err
	case failed:
		return err
	}
	return use(output)
}

// work is a context that ends after a number of looks at it. gojq looks before each instruction.
type work struct {
	context.Context
	left  int
	until time.Time
	err   error
}

// clockEvery is how many instructions lie between two looks at the clock.
const clockEvery = 1024

// Done is closed when the work is done up.
func (w *work) Done() <-chan struct{} {
	w.left--
	switch {
	case w.left <= 0:
		w.err = fmt.Errorf("%w: %d steps", ErrWork, MaxSteps)
	case w.left%clockEvery == 0 && time.Now().After(w.until):
		w.err = fmt.Errorf("%w: it went on for %s", ErrWork, MaxTime)
	default:
		return nil
	}
	done := make(chan struct{})
	close(done)
	return done
}

// Err is ErrWork, wrapped, once the work is done up.
func (w *work) Err() error { return w.err }
