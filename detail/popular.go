package detail

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// How requests are counted, so that it is known which pages visitors want.
const (
	popularMax  = 4096
	sampleEvery = 32 // requests, of which one is counted
)

// popularPages gives keys of pages' own blobs, up to n: of the pages that visitors ask for most, in that order, and then
// of others that are in memory.
func (s *Server) popularPages(st *site, n int) (keys []kv.BlobKey) {
	seen := map[kv.BlobKey]bool{}
	take := func(key kv.BlobKey) {
		if len(keys) < n && !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, path := range s.popular.Top(popularMax) {
		if a, err := st.findPage(path); err == nil && !a.alone {
			take(kv.BlobKey{Entity: a.entity, Blob: a.page.Blob.Name})
		}
	}
	for _, key := range s.Hot() {
		if st.hasPage(key) {
			take(key)
		}
	}
	return keys
}

// findPage reads the address of a page, or of its twin, in an escaped path in its one form.
func (st *site) findPage(path string) (a address, err error) {
	longest := func(a, b string) int { return len(b) - len(a) } // as the router does
	for _, prefix := range slices.SortedFunc(maps.Keys(st.prefixes), longest) {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return cutPage(st.prefixes[prefix], rest)
		}
	}
	return a, fmt.Errorf("%w: no page has the path %.200q", item.ErrUnknown, path)
}
