package shape

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
)

// Inherit lays blobs under another, as a page sees it: a member that the blob lacks is that of the first of the others that has it, and
// an object that several have is filled up with the members that it lacks. What stands deeper is taken as a whole, as is a list. A member
// that is null, "" or [] is lacking, and left out if nothing gives it. The same holds for refs. A blob that is not alive gives nothing.
//
// The result says in HTML what is HTML, which is clean, whatever shapes the blobs have. Its header is the blob's own, with the shape of
// the catalog. from are by the position of b.Inherit.
func Inherit(b *catalog.Blob, own kv.Value, from []kv.Value) kv.Value {
	if own.Existence != kv.Alive || !gjson.ValidBytes(own.Body) {
		return own
	}
	roots, refs := []piece{rootOf(b, own)}, maps.Clone(own.Refs)
	for i, v := range from {
		if v.Existence != kv.Alive || !gjson.ValidBytes(v.Body) {
			continue
		}
		roots = append(roots, rootOf(b.Inherit[i].Blob, v))
		for name, ref := range v.Refs {
			if len(refs[name].IDs) > 0 {
				continue
			}
			if refs == nil {
				refs = kv.Refs{}
			}
			refs[name] = ref
		}
	}
	w := writer{text: make([]byte, 0, len(own.Body)+256)}
	w.object(roots, 1)
	own.Body, own.HTML, own.Refs, own.Shape = w.text, w.html, refs, b.Shape
	return own
}

// source is a blob from which values are taken.
type source struct {
	html  []uint32 // offsets of HTML in its body, rising
	dirty bool     // it was stored in another shape: its HTML may never have been cleaned
}

// piece is a value of a source.
type piece struct {
	of *source
	gjson.Result
}

// rootOf is all of a blob. It finds its HTML as detail does for a blob that inherits nothing.
func rootOf(b *catalog.Blob, v kv.Value) piece {
	root := piece{&source{html: slices.Clone(v.HTML), dirty: v.Shape != b.Shape}, gjson.ParseBytes(v.Body)}
	if b.Fold == nil || root.of.dirty {
		for _, d := range b.Of {
			for _, p := range d.HTML {
				root.of.mark(root.Result, append(catalog.Path{d.Name}, p...))
			}
		}
		slices.Sort(root.of.html)
		root.of.html = slices.Compact(root.of.html)
	}
	return root
}

// mark adds the strings at a path, also within lists.
func (s *source) mark(v gjson.Result, p catalog.Path) {
	switch {
	case v.IsArray():
		v.ForEach(func(_, element gjson.Result) bool {
			s.mark(element, p)
			return true
		})
	case len(p) > 0:
		for _, m := range membersOf(piece{s, v}) {
			if m.name == p[0] {
				s.mark(m.values[0].Result, p[1:])
			}
		}
	case v.Type == gjson.String:
		s.html = append(s.html, uint32(v.Index))
	}
}

// member is a member of objects that are laid over each other.
type member struct {
	name   string
	quoted string  // the name as JSON
	values []piece // of each object that has the member, the uppermost first
}

// membersOf lists the members of an object, each once: of several with one name, the last counts.
func membersOf(object piece) (members []member) {
	if !object.IsObject() {
		return nil
	}
	at := map[string]int{}
	object.ForEach(func(key, value gjson.Result) bool {
		i, known := at[key.Str]
		if !known {
			i = len(members)
			at[key.Str] = i
			members = append(members, member{name: key.Str, quoted: key.Raw})
		}
		members[i].values = []piece{{object.of, value}}
		return true
	})
	return members
}

// overlaid lists the members of objects, those of the uppermost first.
func overlaid(objects []piece) (members []member) {
	at := map[string]int{}
	for _, o := range objects {
		for _, m := range membersOf(o) {
			if i, known := at[m.name]; known {
				members[i].values = append(members[i].values, m.values...)
				continue
			}
			at[m.name] = len(members)
			members = append(members, m)
		}
	}
	return members
}

// lacking reports whether a value stands for none.
func (p piece) lacking() bool { return p.Raw == "null" || p.Raw == `""` || p.Raw == "[]" }

// writer writes JSON, and notes where it has HTML.
type writer struct {
	text []byte
	html []uint32
}

// object writes objects that are laid over each other. Their members that are objects are laid over each other, too, down to a number of
// levels.
func (w *writer) object(objects []piece, levels int) {
	w.text = append(w.text, '{')
	for _, m := range overlaid(objects) {
		values := slices.DeleteFunc(m.values, piece.lacking)
		if len(values) == 0 {
			continue
		}
		if w.text[len(w.text)-1] != '{' {
			w.text = append(w.text, ',')
		}
		w.text = append(append(w.text, m.quoted...), ':')
		w.value(values, levels)
	}
	w.text = append(w.text, '}')
}

// value writes the uppermost of values, filled up with the others if they are objects.
func (w *writer) value(values []piece, levels int) {
	if levels == 0 || !values[0].IsObject() {
		w.copy(values[0])
		return
	}
	w.object(slices.DeleteFunc(values, func(p piece) bool { return !p.IsObject() }), levels-1)
}

// copy writes a value as it stands, but for HTML that has to be cleaned.
func (w *writer) copy(p piece) {
	done := 0
	first, _ := slices.BinarySearch(p.of.html, uint32(p.Index))
	for _, offset := range p.of.html[first:] {
		at := int(offset) - p.Index
		if at >= len(p.Raw) {
			break
		}
		if at < done || p.Raw[at] != '"' {
			continue // damage: it is text
		}
		w.text = append(w.text, p.Raw[done:at]...)
		done = stringEnd(p.Raw, at)
		w.markup(p.Raw[at:done], p.of.dirty)
	}
	w.text = append(w.text, p.Raw[done:]...)
}

// markup writes a JSON string that is HTML. What can't be cleaned is written as text.
func (w *writer) markup(quoted string, dirty bool) {
	if dirty {
		clean, err := Clean(gjson.Parse(quoted).Str)
		var again []byte
		if err == nil {
			again, err = json.Marshal(clean)
		}
		if err != nil {
			w.text = append(w.text, quoted...)
			return
		}
		quoted = string(again)
	}
	w.html = append(w.html, uint32(len(w.text)))
	w.text = append(w.text, quoted...)
}
