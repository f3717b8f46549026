package detail

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"vitrine/detail/blobcache"
	"vitrine/internal/item"
)

// Tags says which header fields name the parts of a page, for caches that purge pages by tag.
type Tags string

// Values of Tags. Caches differ in the field that they read.
const (
	TagsBoth  Tags = "both"
	CacheTag  Tags = "cache-tag"     // Cache-Tag: a,b
	Surrogate Tags = "surrogate-key" // Surrogate-Key: a b
	TagsNone  Tags = "none"
)

const (
	tagBytes = 2 << 10 // of all tags of a response: proxies refuse a head of more than 4 KiB by default
	tagMore  = "more"  // ends the tags of a page with more parts than fit. Whoever purges by a part purges this tag, too
)

func (t Tags) validate() error {
	switch t {
	case TagsBoth, CacheTag, Surrogate, TagsNone:
		return nil
	}
	return fmt.Errorf("tags: %q is none of both, cache-tag, surrogate-key, none", string(t))
}

// set names the parts in the header of a response.
func (t Tags) set(h http.Header, parts []blobcache.Part) {
	size := tagBytes
	if t == TagsBoth {
		size /= 2
	}
	if t == TagsNone {
		return
	}
	tags := tagsOf(parts, size)
	if t == CacheTag || t == TagsBoth {
		h.Set("Cache-Tag", tags)
	}
	if t == Surrogate || t == TagsBoth {
		h.Set("Surrogate-Key", strings.ReplaceAll(tags, ",", " "))
	}
}

// tagsOf is the entities of the parts, the page's own first, each once, as KIND:TOKEN, which is safe in a header whatever the id and has
// no comma. Commas are between them. Where they don't fit into size bytes, tagMore stands for the rest.
func tagsOf(parts []blobcache.Part, size int) string {
	seen := make(map[item.Entity]bool, len(parts))
	tags := make([]byte, 0, size)
	for i := range parts {
		e := parts[i].Key.Entity
		if seen[e] {
			continue
		}
		seen[e] = true
		whole := len(tags)
		tags = append(e.AppendToken(tags), ',')
		if len(tags)+len(tagMore) > size {
			return string(append(tags[:whole], tagMore...))
		}
	}
	return string(bytes.TrimSuffix(tags, []byte{','}))
}
