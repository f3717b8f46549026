package shape

import (
	"maps"
	"slices"
	"strings"
	"unsafe"

	"vitrine/internal/catalog"
)

// A fold makes another object of the records, and may rename, nest and list their members. What of the result is HTML is decided by the
// strings themselves, not by their names or texts: a string of the result is HTML if it is the very string, at the same address in
// memory, that stands in a record as cleaned HTML. jq passes values on without copying them. Whatever it makes of several strings, of a
// part of one, or of a changed one, is another string, and so plain text.
//
// Comparing texts in place of addresses would be too generous: whoever writes both a title and a description could have the title taken
// for HTML, by giving both the same text.

// marked are the strings of a fold's input that are cleaned HTML, by their address, with their length. As it holds the addresses, none
// of them is used for another string while the fold runs.
type marked map[*byte]int

// markHTML finds the HTML in the records that a blob is folded from. It gives each such string an address of its own: short ones may
// share theirs with others.
func markHTML(b *catalog.Blob, records any) marked {
	m := marked{}
	for _, d := range b.Of {
		for _, p := range d.HTML {
			m.add(records, append(catalog.Path{d.Name}, p...))
		}
	}
	return m
}

// add marks the strings at a path, also within lists, as cleanAt cleans them.
func (m marked) add(v any, p catalog.Path) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			m.add(e, p)
		}
	case map[string]any:
		if len(p) > 1 {
			m.add(v[p[0]], p[1:])
			return
		}
		text, ok := v[p[0]].(string)
		if !ok || text == "" {
			return
		}
		own := strings.Clone(text)
		m[unsafe.StringData(own)] = len(own)
		v[p[0]] = own
	}
}

func (m marked) has(text string) bool {
	n, ok := m[unsafe.StringData(text)]
	return ok && n == len(text)
}

// places returns where the JSON of a value has marked strings: the offsets of their quotes. text is what encode made of v: compact, its
// objects sorted by name.
func (m marked) places(v any, text []byte) (at []uint32) {
	if len(m) == 0 {
		return nil
	}
	next := 0 // everything before it is behind us
	m.walk(v, func(html bool) {
		start := nextString(text, next)
		next = stringEnd(text, start)
		if html {
			at = append(at, uint32(start))
		}
	})
	return at
}

// walk calls each for every string of a value in the order of its JSON, and for every name of a member.
func (m marked) walk(v any, each func(html bool)) {
	switch v := v.(type) {
	case string:
		each(m.has(v))
	case []any:
		for _, e := range v {
			m.walk(e, each)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			each(false)
			m.walk(v[name], each)
		}
	}
}

// nextString is the offset of the next quote that begins a string. There is one.
func nextString(text []byte, from int) int {
	for text[from] != '"' {
		from++
	}
	return from
}

// stringEnd is the offset behind the string that begins at an offset.
func stringEnd[T string | []byte](text T, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
