package view

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"unicode/utf8"
	"unsafe"

	"vitrine/internal/item"
)

// MaxDepth is the greatest nesting depth of a document. Writers of blobs have the same limit.
const MaxDepth = 129

// Doc is one JSON text with the index of its values.
type Doc struct {
	text  string
	nodes []node
	// ragged reports whether the text holds invalid UTF-8. Each of its strings then has to be decoded.
	ragged  bool
	decoded []decoded // strings that differ from their JSON; node.start is the position of a kept one
}

// decoded is a string that differs from its JSON, and the offset at which that stands.
type decoded struct {
	text  string
	start uint32
}

// node is a value or the name of a member. A name stands right before its value. The nodes of an object's members and of a list's
// elements follow the node of the object or list.
type node struct {
	kind  Kind
	form  form
	start uint32 // offset of the text in bytes, without its quotes; of a Bool: 1 for true
	end   uint32 // offset behind the text; of an object or a list: the number of members (a repeated name counts again) or elements
	next  uint32 // position of the node behind this one and everything in it
}

// form says where the text of a node is found.
type form uint8

const (
	plain   form = iota // in the JSON, as it stands
	escaped             // in the JSON, still to be decoded
	kept                // in Doc.decoded
)

// Reader indexes JSON texts, and reuses the memory of Docs that were freed. The zero Reader is ready for use, by many goroutines at once.
type Reader struct{ free sync.Pool }

// Index returns the Doc of a JSON text. The Doc refers to body, so body must not change as long as any value of the Doc is in use.
// It fails with an error that wraps item.ErrRefused if body is invalid JSON, nests deeper than MaxDepth, or is longer than 2 GiB.
func (r *Reader) Index(body []byte) (*Doc, error) {
	if len(body) > math.MaxInt32 {
		return nil, fmt.Errorf("%w: the JSON has %d bytes", item.ErrRefused, len(body))
	}
	d, ok := r.free.Get().(*Doc)
	if !ok {
		d = new(Doc)
	}
	d.text = unsafe.String(unsafe.SliceData(body), len(body)) // body does not change: see above
	d.ragged = !utf8.ValidString(d.text)
	end, err := d.add(d.space(0), MaxDepth)
	if err == nil && d.space(end) < len(d.text) {
		err = d.bad(end, "something follows the JSON")
	}
	if err != nil {
		r.Free(d)
		return nil, err
	}
	return d, nil
}

// Free returns the memory of d to the Reader. Afterwards no Value of d may be used. Strings that were read from them stay valid.
func (r *Reader) Free(d *Doc) {
	clear(d.decoded)
	*d = Doc{nodes: d.nodes[:0], decoded: d.decoded[:0]}
	r.free.Put(d)
}

// Root returns the value of the whole document.
func (d *Doc) Root() Value { return d.value(0) }

func (d *Doc) bad(at int, what string) error {
	return fmt.Errorf("%w: no JSON: %s at byte %d", item.ErrRefused, what, at)
}

// space returns the offset of the first byte from at on that is not white space.
func (d *Doc) space(at int) int {
	for at < len(d.text) {
		switch d.text[at] {
		case ' ', '\n', '\t', '\r':
			at++
		default:
			return at
		}
	}
	return at
}

// add indexes the value at an offset, which may nest so many levels deep, and returns the offset behind it.
func (d *Doc) add(at, levels int) (end int, err error) {
	if at >= len(d.text) {
		return at, d.bad(at, "it ends too early")
	}
	switch c := d.text[at]; c {
	case '"':
		return d.addString(at)
	case '{', '[':
		if levels == 0 {
			return at, fmt.Errorf("%w: the JSON nests deeper than %d", item.ErrRefused, MaxDepth)
		}
		if c == '{' {
			return d.addObject(at, levels-1)
		}
		return d.addList(at, levels-1)
	case 't':
		return d.addWord(at, "true", node{kind: Bool, start: 1})
	case 'f':
		return d.addWord(at, "false", node{kind: Bool})
	case 'n':
		return d.addWord(at, "null", node{kind: Null})
	}
	return d.addNumber(at)
}

// put appends a node that has no members or elements yet.
func (d *Doc) put(n node) {
	n.next = uint32(len(d.nodes) + 1)
	d.nodes = append(d.nodes, n)
}

func (d *Doc) addWord(at int, word string, n node) (int, error) {
	if len(d.text)-at < len(word) || d.text[at:at+len(word)] != word {
		return at, d.bad(at, "an unknown word")
	}
	d.put(n)
	return at + len(word), nil
}

func (d *Doc) addObject(at, levels int) (end int, err error) {
	self, count := len(d.nodes), uint32(0)
	d.put(node{kind: Object})
	at = d.space(at + 1)
	if at < len(d.text) && d.text[at] == '}' {
		return at + 1, nil
	}
	for {
		if at >= len(d.text) || d.text[at] != '"' {
			return at, d.bad(at, "no name of a member")
		}
		at, err = d.addString(at)
		if err != nil {
			return at, err
		}
		at = d.space(at)
		if at >= len(d.text) || d.text[at] != ':' {
			return at, d.bad(at, "no colon")
		}
		at, err = d.add(d.space(at+1), levels)
		if err != nil {
			return at, err
		}
		count++
		var more bool
		at, more, err = d.follow(at, '}')
		if err != nil || !more {
			d.close(self, count)
			return at, err
		}
	}
}

func (d *Doc) addList(at, levels int) (end int, err error) {
	self, count := len(d.nodes), uint32(0)
	d.put(node{kind: List})
	at = d.space(at + 1)
	if at < len(d.text) && d.text[at] == ']' {
		return at + 1, nil
	}
	for {
		at, err = d.add(at, levels)
		if err != nil {
			return at, err
		}
		count++
		var more bool
		at, more, err = d.follow(at, ']')
		if err != nil || !more {
			d.close(self, count)
			return at, err
		}
	}
}

// follow reads what stands behind a member or an element: a comma, or last, which closes the object or list. next is the offset behind it.
func (d *Doc) follow(at int, last byte) (next int, more bool, err error) {
	at = d.space(at)
	if at < len(d.text) {
		switch d.text[at] {
		case ',':
			return d.space(at + 1), true, nil
		case last:
			return at + 1, false, nil
		}
	}
	return at, false, d.bad(at, "neither a comma nor an end")
}

// close completes the node of an object or a list with count members or elements.
func (d *Doc) close(self int, count uint32) {
	d.nodes[self].end, d.nodes[self].next = count, uint32(len(d.nodes))
}

func (d *Doc) addString(at int) (end int, err error) {
	text, start := d.text, at+1
	how := plain
	if d.ragged {
		how = escaped
	}
	for i := start; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			d.put(node{kind: String, form: how, start: uint32(start), end: uint32(i)})
			return i + 1, nil
		case c == '\\':
			how = escaped
			width := escapeWidth(text[i:])
			if width == 0 {
				return i, d.bad(i, "an unknown escape")
			}
			i += width - 1
		case c < ' ':
			return i, d.bad(i, "a control character in a string")
		}
	}
	return at, d.bad(at, "a string without end")
}

func (d *Doc) addNumber(at int) (end int, err error) {
	text, i := d.text, at
	digits := func() bool {
		from := i
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		return i > from
	}
	if text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if !digits() {
		return at, d.bad(at, "no value")
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return at, d.bad(at, "no digits behind the point")
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return at, d.bad(at, "no digits in the exponent")
		}
	}
	d.put(node{kind: Number, start: uint32(at), end: uint32(i)})
	return i, nil
}

// value returns the value of the node at a position.
func (d *Doc) value(at int) Value {
	n := &d.nodes[at]
	switch n.kind {
	case Null:
		return Nothing
	case Bool:
		return Value{kind: Bool, num: int64(n.start)}
	case Object, List:
		return Value{kind: n.kind, num: int64(at), ref: d}
	}
	return Value{kind: n.kind, num: int64(at), text: d.textOf(n), ref: d}
}

// textOf returns the text of a string or a number. It decodes a text only once.
func (d *Doc) textOf(n *node) string {
	switch n.form {
	case plain:
		return d.text[n.start:n.end]
	case escaped:
		d.keep(n, unescape(d.text[n.start:n.end]))
	}
	return d.decoded[n.start].text
}

// startOf returns the offset of the text of a string or a number in the JSON.
func (d *Doc) startOf(n *node) uint32 {
	if n.form == kept {
		return d.decoded[n.start].start
	}
	return n.start
}

// keep gives a node a text that differs from its JSON.
func (d *Doc) keep(n *node, text string) {
	d.decoded = append(d.decoded, decoded{text, d.startOf(n)})
	n.form, n.start = kept, uint32(len(d.decoded)-1)
}

func (d *Doc) behind(at int) int { return int(d.nodes[at].next) }

// member returns the last member of an object with that name.
func (d *Doc) member(object int, name string) (v Value, ok bool) {
	found := -1
	end := d.behind(object)
	for at := object + 1; at < end; {
		n := &d.nodes[at]
		value := at + 1
		if n.form == plain {
			if int(n.end-n.start) == len(name) && d.text[n.start:n.end] == name {
				found = value
			}
		} else if d.textOf(n) == name {
			found = value
		}
		at = d.behind(value)
	}
	if found < 0 {
		return Value{}, false
	}
	return d.value(found), true
}

// length returns the number of elements of a list, or of distinct member names of an object.
func (d *Doc) length(at int) int {
	n := d.nodes[at]
	if n.kind == Object && n.end > 1 {
		return len(d.names(at))
	}
	return int(n.end)
}

// names returns the names of an object's members, each once, sorted.
func (d *Doc) names(object int) []string {
	names := make([]string, 0, d.nodes[object].end)
	for at, end := object+1, d.behind(object); at < end; at = d.behind(at + 1) {
		names = append(names, d.textOf(&d.nodes[at]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
