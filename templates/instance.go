package templates

import (
	"fmt"
	"html/template"
	"io"

	"vitrine/internal/item"
	"vitrine/templates/program"
)

// instance is a copy of a set's templates that renders one page at a time. It has a budget of its own, since the functions of a template
// don't know for which page they are called.
type instance struct {
	root   *template.Template
	budget program.Budget
}

// instance takes an idle instance, or makes another one. The caller gives it back by release.
func (s *Set) instance() (*instance, error) {
	select {
	case i := <-s.idle:
		return i, nil
	default:
	}
	root, err := s.root.Clone()
	if err != nil {
		return nil, fmt.Errorf("copy templates: %w", err)
	}
	i := &instance{root: root}
	root.Funcs(forHTML(s.functions, &i.budget))
	root.Funcs(template.FuncMap{stepFunction: func(operands int) (bool, error) { return true, i.budget.Step(operands) }})
	return i, nil
}

// forHTML returns functions as html/template calls them, with a budget.
func forHTML(functions map[string]program.Func, b *program.Budget) template.FuncMap {
	all := template.FuncMap{}
	for name, f := range functions {
		all[name] = f.For(b)
	}
	return all
}

// release gives an instance back. Beyond one per processor, it is dropped.
func (s *Set) release(i *instance) {
	select {
	case s.idle <- i:
	default:
	}
}

// render executes one template. It turns a panic of html/template into an error.
func (i *instance) render(w io.Writer, name string, data any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: template: %s: %v", item.ErrRefused, name, r)
		}
	}()
	i.budget.Start()
	defer i.budget.End()
	return i.root.ExecuteTemplate(&limited{w, program.MaxOutput}, name, data)
}

// limited is a writer that fails beyond left bytes, so that a template without end stops.
type limited struct {
	w    io.Writer
	left int
}

func (b *limited) Write(p []byte) (int, error) {
	b.left -= len(p)
	if b.left < 0 {
		return 0, fmt.Errorf("%w: the page is longer than %d bytes", item.ErrRefused, program.MaxOutput)
	}
	return b.w.Write(p)
}
