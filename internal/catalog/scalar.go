package catalog

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/item"
)

// fieldsOf checks that n is an object whose keys are among known, and calls each key's reader in the
// order of the file.
func (f *faults) fieldsOf(n *node, what string, known map[string]func(*node)) bool {
	if !f.want(n, object, what) {
		return false
	}
	for _, fd := range n.fields {
		read := known[fd.key.text]
		if read == nil {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			f.add(fd.key, oneOf("key", fd.key.text, names), "%s has no key %q", what, fd.key.text)
			continue
		}
		read(fd.value)
	}
	return true
}

// named calls read for each entry of an object whose keys are names.
func (f *faults) named(n *node, what string, read func(key, value *node)) {
	if !f.want(n, object, what) {
		return
	}
	for _, fd := range n.fields {
		if err := item.CheckName(fd.key.text); err != nil {
			f.add(fd.key, "names are lower case, begin with a letter, and have at most 32 of [a-z0-9_]", "%q can't be a name", fd.key.text)
			continue
		}
		read(fd.key, fd.value)
	}
}

func (f *faults) want(n *node, form form, what string) bool {
	if n.form == form {
		return true
	}
	f.add(n, "", "%s must be %s, not %s", what, form, n.form)
	return false
}

// str reads text into p. A number is accepted and read as written.
func (f *faults) str(what string, p *string) func(*node) {
	return func(n *node) {
		if n.form == number || f.want(n, text, what) {
			*p = n.text
		}
	}
}

func (f *faults) flag(what string, p *bool) func(*node) {
	return func(n *node) {
		if f.want(n, boolean, what) {
			*p = n.text == "true"
		}
	}
}

func (f *faults) integer(what string, p *int, least, most int) func(*node) {
	return func(n *node) {
		v, err := strconv.Atoi(n.text)
		if n.form != number || err != nil || v < least || v > most {
			f.add(n, "", "%s must be a whole number from %d to %d", what, least, most)
			return
		}
		*p = v
	}
}

// duration reads 800ms, 2s, 10m, 24h.
func (f *faults) duration(what string, p *time.Duration, least, most time.Duration) func(*node) {
	return func(n *node) {
		d, err := time.ParseDuration(n.text)
		if n.form > number || err != nil || d < least || d > most {
			f.add(n, "write it as 800ms, 2s, 10m or 24h", "%s must be a duration from %s to %s", what, least, most)
			return
		}
		*p = d
	}
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,12})(B|KiB|MiB|GiB)?$`)

// size reads bytes: 4096, 512KiB, 1MiB.
func (f *faults) size(what string, p *int64, most int64) func(*node) {
	return func(n *node) {
		m := sizeForm.FindStringSubmatch(n.text)
		if m != nil {
			v, _ := strconv.ParseInt(m[1], 10, 64)
			v *= map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[2]]
			if v > 0 && v <= most {
				*p = v
				return
			}
		}
		f.add(n, "write it as 4096, 512KiB or 1MiB", "%s must be a size of at most %d bytes", what, most)
	}
}

// strings reads a list of texts, or one text.
func (f *faults) strings(what string, each func(*node)) func(*node) {
	return func(n *node) {
		if n.form == text {
			each(n)
			return
		}
		if !f.want(n, list, what) {
			return
		}
		for _, it := range n.items {
			if f.want(it, text, "each of "+what) {
				each(it)
			}
		}
	}
}

// path reads a dotted path into p.
func (f *faults) path(what string, p *Path) func(*node) {
	return func(n *node) {
		if !f.want(n, text, what) {
			return
		}
		parsed, err := ParsePath(n.text)
		if err != nil {
			f.add(n, `write it as updated_at or meta.updated_at, and what has other characters than a name in double quotes: '"Art. No."'`, "%s: %v", what, err)
			return
		}
		*p = parsed
	}
}

// placeholders lists the {names} in a template, in order.
func placeholders(s string) (names []string) {
	for {
		_, rest, ok := strings.Cut(s, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return names
		}
		names = append(names, name)
		s = after
	}
}
