package detail

import (
	"html/template"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/shape"
)

// markHTML makes the fields that the catalog calls html template.HTML. They were cleaned when their record was made, if
// that was for this catalog, by the rules of this program: the parts' shape tells. What was stored for another is
// cleaned here. Fields are looked for under their dimension's member, also where the blob has a fold: a fold that moves
// them elsewhere makes them plain text, which is shown escaped. That way no fold can turn a plain field into markup
// unless it puts it under the very name of a cleaned one.
func markHTML(in any, b *catalog.Blob, parts ...blobcache.Part) {
	clean := true
	for _, p := range parts {
		clean = clean && (p.Key.Blob != b.Name || p.Body == nil || p.Shape == b.Shape)
	}
	for _, d := range b.Of {
		for _, path := range d.HTML {
			markField(in, append(catalog.Path{d.Name}, path...), clean)
		}
	}
}

// markField marks one field; one that can't be cleaned stays text.
func markField(in any, path catalog.Path, clean bool) {
	for _, step := range path[:len(path)-1] {
		m, ok := in.(map[string]any)
		if !ok {
			return
		}
		in = m[step]
	}
	m, _ := in.(map[string]any)
	last := path[len(path)-1]
	text, ok := m[last].(string)
	if !ok {
		return
	}
	if !clean {
		var err error
		if text, err = shape.Clean(text); err != nil {
			return
		}
	}
	m[last] = template.HTML(text)
}
