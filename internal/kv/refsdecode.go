package kv

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// decodeRefs reads the JSON of Refs. A page reads those of every part, so that what Refs writes is read directly; whatever else
// encoding/json takes (escapes, white space, null, a member given twice) is left to it.
func decodeRefs(stored []byte) (Refs, error) {
	r := refsReader{text: string(stored)}
	if refs, ok := r.read(); ok {
		return refs, nil
	}
	var refs Refs
	err := json.Unmarshal(stored, &refs)
	return refs, err
}

// refsReader reads the refs in a text. All strings share its memory, and all lists one array.
type refsReader struct {
	text string
	at   int
	ids  []string
}

// read gives ok only for a whole object of members that differ by name, whose strings stand there as they are.
func (r *refsReader) read() (refs Refs, ok bool) {
	if !utf8.ValidString(r.text) || !r.consume('{') {
		return nil, false
	}
	r.ids = make([]string, 0, strings.Count(r.text, `"`)/2)
	refs = make(Refs, strings.Count(r.text, ":"))
	for more := !r.consume('}'); more; {
		name, ok := r.quoted()
		if !ok || !r.consume(':') {
			return nil, false
		}
		if _, twice := refs[name]; twice {
			return nil, false
		}
		ref, ok := r.ref()
		if !ok {
			return nil, false
		}
		refs[name] = ref
		more = r.consume(',')
		if !more && !r.consume('}') {
			return nil, false
		}
	}
	return refs, r.at == len(r.text)
}

// ref reads a string, or an array of strings.
func (r *refsReader) ref() (ref Ref, ok bool) {
	from := len(r.ids)
	if !r.consume('[') {
		id, ok := r.quoted()
		r.ids = append(r.ids, id)
		return Ref{IDs: r.since(from)}, ok
	}
	for more := !r.consume(']'); more; {
		id, ok := r.quoted()
		if !ok {
			return ref, false
		}
		r.ids = append(r.ids, id)
		more = r.consume(',')
		if !more && !r.consume(']') {
			return ref, false
		}
	}
	return Ref{IDs: r.since(from), List: true}, true
}

// since are the ids from a position on. Nobody can append to them in place.
func (r *refsReader) since(from int) []string { return r.ids[from:len(r.ids):len(r.ids)] }

// quoted reads a string without escapes.
func (r *refsReader) quoted() (text string, ok bool) {
	if !r.consume('"') {
		return "", false
	}
	from := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[from : r.at-1], true
		case c == '\\' || c < ' ':
			return "", false
		}
	}
	return "", false
}

// consume steps over a byte if it stands there.
func (r *refsReader) consume(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}
