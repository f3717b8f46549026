package templates

import (
	"fmt"
	"html/template"
	"io"

	"vitrine/internal/item"
)

// instance is a copy of a set's templates that renders one page at a time, with a budget of its own: a template's
// functions don't know for which page they are called.
type instance struct {
	root   *template.Template
	budget budget
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
	root.Funcs(i.budget.bounded(s.words)).Funcs(template.FuncMap{stepFunction: i.budget.step})
	return i, nil
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
	i.budget.start()
	return i.root.ExecuteTemplate(&bounded{w, MaxOutput}, name, data)
}

// bounded stops a template whose output has no end.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("%w: the page is longer than %d bytes", item.ErrRefused, MaxOutput)
	}
	return b.w.Write(p)
}
