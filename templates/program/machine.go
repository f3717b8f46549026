package program

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"text/template/parse"

	"vitrine/internal/item"
	"vitrine/internal/view"
)

// Machine executes the templates of a Program, one page at a time.
type Machine struct {
	budget  Budget
	out     []byte
	stack   []view.Value // the frames of all templates that are being executed
	frame   []view.Value // the slots of the innermost one
	top     int          // end of the used part of the stack
	args    []view.Value // arguments of the calls in progress
	scratch []byte
}

// flow is how a step ends.
type flow byte

const (
	onward flow = iota
	broken
	continued
)

type (
	step  func(m *Machine) flow
	block []step
	expr  func(m *Machine) view.Value
)

func (b block) run(m *Machine) flow {
	for _, s := range b {
		if f := s(m); f != onward {
			return f
		}
	}
	return onward
}

// machines is a pool of Machines that are idle.
type machines struct{ idle sync.Pool }

func (ms *machines) get() *Machine {
	if m, ok := ms.idle.Get().(*Machine); ok {
		return m
	}
	return new(Machine)
}

// Run renders data with the template of that name, and passes the page to use, which must not keep it: the next page overwrites it.
// It fails with an error that wraps ErrUncovered, and html/template has to render the page, or with a *Fault, which wraps
// item.ErrRefused: the page exceeded its budget.
func (p *Program) Run(name string, data view.Value, use func(page []byte)) (err error) {
	code := p.codes[name]
	if code == nil || !code.covered() {
		return fmt.Errorf("%w: %s", ErrUncovered, name)
	}
	m := p.machines.get()
	defer func() {
		if cause := recover(); cause != nil {
			err = ended(cause)
			return // the machine is dropped, since its state is unknown
		}
		p.machines.idle.Put(m)
	}()
	defer m.budget.End()
	m.start(code, data)
	code.body.run(m)
	m.bound(code.tree, code.tree.Root)
	clear(m.stack)
	use(m.out)
	return nil
}

func (m *Machine) start(code *code, data view.Value) {
	if len(m.stack) < code.need {
		m.stack = make([]view.Value, code.need)
	}
	m.budget.Start()
	m.out, m.args = m.out[:0], m.args[:0]
	m.frame, m.top = m.stack[:code.slots], code.slots
	m.frame[0] = data
	if data.IsNone() {
		m.frame[0] = view.Value{}
	}
}

// call executes a template from within another.
func (m *Machine) call(code *code, data view.Value) {
	frame, top := m.frame, m.top
	m.frame, m.top = m.stack[top:top+code.slots], top+code.slots
	m.frame[0] = data
	code.body.run(m)
	m.frame, m.top = frame, top
}

// uncovered ends the run with ErrUncovered: html/template has to render the page.
func (m *Machine) uncovered() view.Value { panic(ErrUncovered) }

// ended returns the error of a run that ended with a panic: a *Fault, or else one that wraps ErrUncovered. Whatever else went wrong in a
// compiled template, html/template has to report it.
func ended(cause any) error {
	err, ok := cause.(error)
	if fault := (*Fault)(nil); ok && errors.As(err, &fault) {
		return fault
	}
	return fmt.Errorf("%w: %v", ErrUncovered, cause)
}

// failed ends the run because a function that was called at a node failed.
func (m *Machine) failed(tree *parse.Tree, n parse.Node, name string, err error) {
	if !errors.Is(err, item.ErrRefused) {
		m.uncovered() // html/template words the error
	}
	_, context := tree.ErrorContext(n)
	m.end(tree, n, fmt.Errorf("executing %q at <%s>: error calling %s: %w", tree.Name, context, name, err))
}

func (m *Machine) end(tree *parse.Tree, n parse.Node, err error) {
	file, line := place(tree, n)
	panic(&Fault{File: file, Line: line, Err: err})
}

// bound ends the run if the page is longer than MaxOutput.
func (m *Machine) bound(tree *parse.Tree, n parse.Node) {
	if len(m.out) > MaxOutput {
		m.end(tree, n, fmt.Errorf("%w: the page is longer than %d bytes", item.ErrRefused, MaxOutput))
	}
}

// place returns the file and the line of a node; line 0 if it is unknown.
func place(tree *parse.Tree, n parse.Node) (file string, line int) {
	location, _ := tree.ErrorContext(n)
	file = location
	for range 2 { // FILE:LINE:BYTE
		cut := strings.LastIndexByte(file, ':')
		if cut < 0 {
			return location, 0
		}
		line, _ = strconv.Atoi(file[cut+1:])
		file = file[:cut]
	}
	return file, line
}
