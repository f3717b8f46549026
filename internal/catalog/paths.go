package catalog

import (
	"fmt"
	"strings"
)

// ParsePath reads a dotted path: a.b.c, with or without a leading dot. Errors quote the text.
func ParsePath(s string) (Path, error) {
	trimmed := strings.TrimPrefix(s, ".")
	if trimmed == "" || len(s) > 256 {
		return nil, fmt.Errorf("%.80q is no path", s)
	}
	p := Path(strings.Split(trimmed, "."))
	for _, step := range p {
		if step == "" || strings.ContainsAny(step, " \t\n[]{}()|\"'*?#@") {
			return nil, fmt.Errorf("%.80q is no path: the step %q can't be a field", s, step)
		}
	}
	return p, nil
}

// String is the path in the form that ParsePath reads.
func (p Path) String() string { return strings.Join(p, ".") }
