package catalog

import (
	"fmt"
	"strings"
)

const (
	maxPath = 256
	noStep  = " \t\n[]{}()|\"'*?#@" // what a step can't have unless it is quoted
)

// ParsePath reads a dotted path: a.b.c, with or without a leading dot. A step in double quotes may have any character but the
// quote itself: meta."Art.-Nr.". Errors quote the text.
func ParsePath(s string) (Path, error) {
	rest := strings.TrimPrefix(s, ".")
	if rest == "" || len(s) > maxPath {
		return nil, fmt.Errorf("%.80q is no path", s)
	}
	var p Path
	for more := true; more; {
		var step string
		var ok bool
		step, rest, more, ok = cutStep(rest)
		if !ok {
			return nil, fmt.Errorf("%.80q is no path: the step %q can't be a field", s, step)
		}
		p = append(p, step)
	}
	return p, nil
}

// cutStep takes the first step off a path. more is false at its end.
func cutStep(path string) (step, rest string, more, ok bool) {
	if quoted, isQuoted := strings.CutPrefix(path, `"`); isQuoted {
		step, rest, ok = strings.Cut(quoted, `"`)
		rest, more = strings.CutPrefix(rest, ".")
		return step, rest, more, ok && step != "" && (more || rest == "")
	}
	step, rest, more = strings.Cut(path, ".")
	return step, rest, more, step != "" && !strings.ContainsAny(step, noStep)
}

// String is the path in the form that ParsePath reads.
func (p Path) String() string {
	steps := make([]string, len(p))
	for i, step := range p {
		steps[i] = step
		if strings.ContainsAny(step, noStep+".") {
			steps[i] = `"` + step + `"`
		}
	}
	return strings.Join(steps, ".")
}
