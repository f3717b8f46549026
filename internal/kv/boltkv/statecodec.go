package boltkv

import (
	"encoding/binary"
	"maps"
	"slices"

	"vitrine/internal/kv"
)

// stateForm begins an encoded state. JSON, which earlier versions wrote, begins with a brace.
const stateForm = 1

// encode appends a state: its form, Last, Written, and the maps in the order of their fields. A map is the number of its
// entries and these, by their names; integers are uvarints, texts follow their length.
func (b *storedState) encode(to []byte) []byte {
	to = append(to, stateForm)
	to = binary.AppendUvarint(to, b.Last)
	to = binary.AppendUvarint(to, uint64(b.Written))
	to = appendMap(to, b.Gens, binary.AppendUvarint)
	to = appendMap(to, b.Shapes, appendShape)
	to = appendMap(to, b.Built, binary.AppendUvarint)
	to = appendMap(to, b.BuiltAs, appendShape)
	to = appendMap(to, b.Wanted, appendRefs)
	to = appendMap(to, b.Applied, appendRefs)
	return appendMap(to, b.Validators, appendValidators)
}

// decode reads what encode wrote, and reports whether it could.
func (b *storedState) decode(body []byte) bool {
	r := stateReader{text: string(body)}
	if r.byte() != stateForm {
		return false
	}
	b.Last = r.uint()
	b.Written = int64(r.uint())
	b.Gens = readMap(&r, (*stateReader).uint)
	b.Shapes = readMap(&r, (*stateReader).shape)
	b.Built = readMap(&r, (*stateReader).uint)
	b.BuiltAs = readMap(&r, (*stateReader).shape)
	b.Wanted = readMap(&r, (*stateReader).refs)
	b.Applied = readMap(&r, (*stateReader).refs)
	b.Validators = readMap(&r, (*stateReader).validators)
	return !r.failed && r.text == ""
}

// decodeValidators reads the validators of what encode wrote, and passes over all else.
func decodeValidators(body []byte) (v map[string]kv.Validators, ok bool) {
	r := stateReader{text: string(body)}
	if r.byte() != stateForm {
		return nil, false
	}
	r.uint() // Last
	r.uint() // Written
	for range 4 {
		r.skipMap((*stateReader).skipUint)
	}
	for range 2 {
		r.skipMap((*stateReader).skipRefs)
	}
	v = readMap(&r, (*stateReader).validators)
	return v, !r.failed && r.text == ""
}

func appendMap[V any](to []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	to = binary.AppendUvarint(to, uint64(len(m)))
	if len(m) == 1 { // as a rule
		for name, v := range m {
			return value(appendText(to, name), v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		to = value(appendText(to, name), m[name])
	}
	return to
}

func appendText(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

func appendShape(to []byte, shape uint32) []byte { return binary.AppendUvarint(to, uint64(shape)) }

func appendRefs(to []byte, refs kv.Refs) []byte { return appendMap(to, refs, appendRef) }

// appendRef writes twice the number of ids, and one more for a list.
func appendRef(to []byte, ref kv.Ref) []byte {
	head := 2 * uint64(len(ref.IDs))
	if ref.List {
		head++
	}
	to = binary.AppendUvarint(to, head)
	for _, id := range ref.IDs {
		to = appendText(to, id)
	}
	return to
}

func appendValidators(to []byte, v kv.Validators) []byte {
	return appendText(appendText(to, v.ETag), v.LastModified)
}

// stateReader reads an encoded state. What can't be read is zero, and failed is set.
type stateReader struct {
	text   string // what is left; texts in it are shared with what is read
	failed bool
}

func (r *stateReader) fail() {
	r.failed = true
	r.text = ""
}

func (r *stateReader) byte() byte {
	if r.text == "" {
		r.fail()
		return 0
	}
	c := r.text[0]
	r.text = r.text[1:]
	return c
}

func (r *stateReader) uint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.fail()
	return 0
}

// count is a number of things that follow, each of a byte at least.
func (r *stateReader) count(n uint64) int {
	if n > uint64(len(r.text)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *stateReader) shape() uint32 { return uint32(r.uint()) }

func (r *stateReader) string() string {
	n := r.count(r.uint())
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *stateReader) refs() kv.Refs { return readMap(r, (*stateReader).ref) }

func (r *stateReader) ref() kv.Ref {
	head := r.uint()
	ref := kv.Ref{IDs: make([]string, r.count(head/2)), List: head%2 == 1}
	for i := range ref.IDs {
		ref.IDs[i] = r.string()
	}
	return ref
}

func (r *stateReader) validators() kv.Validators {
	etag := r.string()
	return kv.Validators{ETag: etag, LastModified: r.string()}
}

// readMap gives nil for a map without entries.
func readMap[V any](r *stateReader, value func(*stateReader) V) map[string]V {
	n := r.count(r.uint())
	if n == 0 {
		return nil
	}
	m := make(map[string]V, n)
	for range n {
		name := r.string()
		m[name] = value(r)
	}
	return m
}

// skipMap passes over a map with values that skip passes over.
func (r *stateReader) skipMap(skip func(*stateReader)) {
	for range r.count(r.uint()) {
		r.string()
		skip(r)
	}
}

func (r *stateReader) skipUint() { r.uint() }

func (r *stateReader) skipRefs() { r.skipMap((*stateReader).skipRef) }

func (r *stateReader) skipRef() {
	for range r.count(r.uint() / 2) {
		r.string()
	}
}
