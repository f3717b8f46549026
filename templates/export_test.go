package templates

import (
	"bytes"
	"maps"
	"slices"

	"vitrine/internal/view"
	"vitrine/templates/program"
)

// RenderHTML renders by html/template only.
func (s *Set) RenderHTML(buf *bytes.Buffer, name string, data any) error {
	if err := s.renderHTML(buf, name, data); err != nil {
		return newFault(name, err)
	}
	return nil
}

// RenderCompiled renders by the compiled program only.
func (s *Set) RenderCompiled(buf *bytes.Buffer, name string, data view.Value) error {
	return s.program.Run(name, data, func(page []byte) { buf.Write(page) })
}

// Program returns the compiled set.
func (s *Set) Program() *program.Program { return s.program }

// OwnFunctions returns the names of the functions that templates have beside those of html/template, sorted.
func OwnFunctions() []string {
	own := (&Set{}).templateFunctions()
	for _, name := range []string{"print", "println", "printf", "html", "js", "urlquery"} {
		delete(own, name)
	}
	return slices.Sorted(maps.Keys(own))
}
