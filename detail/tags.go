package detail

import (
	"fmt"
	"net/http"
	"strings"

	"vitrine/detail/blobcache"
)

// Tags says which header fields name the parts of a page, for caches that can drop a page by one of its parts.
type Tags string

// Caches differ in the header that they read.
const (
	TagsBoth  Tags = "both"
	CacheTag  Tags = "cache-tag"     // Cache-Tag: a,b
	Surrogate Tags = "surrogate-key" // Surrogate-Key: a b
	TagsNone  Tags = "none"
)

const (
	tagBytes = 2 << 10 // of all tags of an answer: proxies refuse a head of more than 4 KiB by default
	tagMore  = "more"  // ends the tags of a page that has more parts than fit: whoever drops a page by its part drops these too
)

func (t Tags) validate() error {
	switch t {
	case TagsBoth, CacheTag, Surrogate, TagsNone:
		return nil
	}
	return fmt.Errorf("tags: %q is none of both, cache-tag, surrogate-key, none", string(t))
}

// set names the parts in an answer's header.
func (t Tags) set(h http.Header, parts []blobcache.Part) {
	size := tagBytes
	if t == TagsBoth {
		size /= 2
	}
	if t == CacheTag || t == TagsBoth {
		h.Set("Cache-Tag", strings.Join(tagsOf(parts, size), ","))
	}
	if t == Surrogate || t == TagsBoth {
		h.Set("Surrogate-Key", strings.Join(tagsOf(parts, size), " "))
	}
}

// tagsOf names every entity that the parts are of, each once, as KIND:TOKEN: safe in a header whatever the id. The
// page's own comes first. What does not fit into size is left out, and said so.
func tagsOf(parts []blobcache.Part, size int) (tags []string) {
	seen := map[string]bool{}
	size -= len(tagMore)
	for _, part := range parts {
		tag := part.Key.Entity.Token()
		if seen[tag] {
			continue
		}
		seen[tag] = true
		if size -= len(tag) + 1; size < 0 {
			return append(tags, tagMore)
		}
		tags = append(tags, tag)
	}
	return tags
}
