package templates

import (
	"fmt"
	"html/template"
	"io"

	"vitrine/internal/item"
	"vitrine/templates/program"
)

// instance is a copy of a set's templates that renders one page at a time, with a budget of its own: a template's
// functions don't know for which page they are called.
type instance struct {
	root   *template.Template
	budget program.Budget
}

// instance takes one that is idle, or makes another; rest gives it back.
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
	root.Funcs(template.FuncMap{stepFunction: func(words int) (bool, error) { return true, i.budget.Step(words) }})
	return i, nil
}

// forHTML are functions as html/template calls them.
func forHTML(functions map[string]program.Func, b *program.Budget) template.FuncMap {
	all := template.FuncMap{}
	for name, f := range functions {
		all[name] = f.For(b)
	}
	return all
}

func (s *Set) rest(i *instance) {
	select {
	case s.idle <- i:
	default:
	}
}

// render executes one template. What panics in html/template is that template's error.
func (i *instance) render(w io.Writer, name string, data any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: template: %s: %v", item.ErrRefused, name, r)
		}
	}()
	i.budget.Start()
	return i.root.ExecuteTemplate(&limited{w, program.MaxOutput}, name, data)
}

// limited stops a template whose output has no end.
type limited struct {
	w    io.Writer
	left int
}

func (b *limited) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("%w: the page is longer than %d bytes", item.ErrRefused, program.MaxOutput)
	}
	return b.w.Write(p)
}
