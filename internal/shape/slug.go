package shape

import (
	"vitrine/internal/catalog"
	"vitrine/internal/slug"
)

// Slug is the slug of the text at a path in a blob; "" where there is none.
func Slug(body []byte, from catalog.Path) string {
	text, _ := Lookup(body, from)
	if text.IsObject() || text.IsArray() {
		return ""
	}
	return slug.Of(text.String())
}
