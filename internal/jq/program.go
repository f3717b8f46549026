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
	MaxSize  = 8 << 20          // bytes of a text, and of a serialised value
	MaxItems = 1 << 20          // elements of an array that a program makes by adding
	MaxIndex = 1 << 20          // greatest index of an array
	MaxTime  = 10 * time.Second // a hundred times what MaxSteps takes on an idle machine
)

// ErrWork is a program that was stopped because it exceeded its bounds.
var ErrWork = errors.New("more work than a program may do")

// Program is a compiled jq program without environment, modules or input functions. It is safe for concurrent use.
type Program struct {
	Text      string
	gives     []string  // the members of its result, if all are known; else nil
	selection selection // what the program does, if it only takes members
	codes     sync.Pool // of *gojq.Code
	steps     int       // MaxSteps
	time      time.Duration
}

// Compile compiles a parsed program, whose text is kept for messages. It modifies parsed. The program may use variables,
// such as $cursor, whose values each Run is given.
func Compile(text string, parsed *gojq.Query, variables ...string) (*Program, error) {
	takes, gives := selectionOf(parsed), membersOf(parsed)
	bound(parsed)
	compile := func() (*gojq.Code, error) {
		return gojq.Compile(parsed, append(functions(), gojq.WithVariables(variables))...)
	}
	code, err := compile()
	if err != nil {
		return nil, err
	}
	p := &Program{Text: text, gives: gives, selection: takes, steps: MaxSteps, time: MaxTime}
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

// Run passes the first output of the program, or nil if there is none, to use. The output is valid until use returns:
// it can contain literal objects of the program, and del() writes to all that it walks over. Errors of the program are
// returned unchanged; an exceeded bound wraps ErrWork. values are those of the program's variables.
func (p *Program) Run(input any, use func(any) error, values ...any) error {
	if p.selection != nil {
		if output, ok := p.selection.apply(input); ok {
			return use(output)
		}
	}
	code := p.codes.Get().(*gojq.Code)
	defer p.codes.Put(code)
	work := &work{Context: context.Background(), left: p.steps, until: time.Now().Add(p.time)}
	output, _ := code.RunWithContext(work, input, values...).Next()
	err, failed := output.(error)
	switch {
	case work.err != nil:
		return work.err
	case failed:
		return err
	}
	return use(output)
}

// work is a context that ends after a number of checks. gojq checks it before each instruction.
type work struct {
	context.Context
	left  int
	until time.Time
	err   error
}

// clockEvery is the number of instructions between two checks of the clock.
const clockEvery = 1024

// Done is closed when the bound is reached.
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

// Err wraps ErrWork once the bound is reached.
func (w *work) Err() error { return w.err }
