package detail

import (
	"html/template"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/shape"
)

// markHTML gives the fields that the catalog calls html the type template.HTML.
//
// Their records were cleaned on the way in, if they have the shape of this catalog and program. What was stored in another shape
// is cleaned here.
//
// Fields are looked for under the member of their dimension, also in a blob with a fold. A field that a fold moves elsewhere is
// plain text and shown escaped. So a fold can turn a plain field into markup only by giving it the name of a cleaned one.
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

// markField marks one field. A field that can't be cleaned stays text.
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
