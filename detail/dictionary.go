package detail

import (
	"net/http"
	"slices"
	"strings"

	"vitrine/detail/blobcache"
	"vitrine/detail/pagecache"
	"vitrine/internal/catalog"
)

// Pages of one kind are alike. So the first one that is made by a catalog and a set of templates is offered to visitors as the
// dictionary that the others are compressed with (RFC 9842): a header Link names it, browsers fetch it when they are idle, and
// say from then on that they have it. It is a public page like any other, and nothing in it is a visitor's own.

// dictionaryLifetime is how long browsers use a dictionary.
const dictionaryLifetime = "public, max-age=86400, immutable"

// offerDictionary makes a page that was just made the dictionary of its kind, if that has none yet. A page that lacks something, or
// was made by other templates than those in force, stands for no other.
func (st *site) offerDictionary(read *reading, q request, a response) {
	if q.twin || read.site != st || a.status != 0 && a.status != http.StatusOK || a.brief || read.stale() || read.incomplete() {
		return
	}
	if st.server.encoder.Off() || st.server.encoder.Dictionaries.Offered(read.page.Name, st.revision) != nil {
		return
	}
	if slices.ContainsFunc(read.parts, func(part blobcache.Part) bool { return !shows(part) }) {
		return
	}
	if match := matchPattern(read.page); match != "" {
		st.server.encoder.Dictionaries.Offer(read.page.Name, match, st.revision, a.body)
	}
}

// linkDictionary names the dictionary of a page in its header, if there is one.
func (st *site) linkDictionary(p *catalog.Page, q request, h http.Header) {
	if q.twin || st.server.encoder.Off() {
		return
	}
	if d := st.server.encoder.Dictionaries.Offered(p.Name, st.revision); d != nil {
		h.Set("Link", "<"+st.catalog.Site.Prefix+catalog.DictionariesPath+d.Hash.String()+`>; rel="compression-dictionary"`)
	}
}

// dictionary handles /dictionaries/{hash}.
func (st *site) dictionary(r *http.Request) (response, error) {
	parts, err := segments(r, st.catalog.Site.Prefix+catalog.DictionariesPath, 1)
	if err != nil {
		return response{}, err
	}
	h, ok := pagecache.ParseHash(parts[0])
	if !ok {
		return response{}, errNotFound
	}
	d := st.server.encoder.Dictionaries.ByHash(h)
	if d == nil {
		return response{}, errNotFound
	}
	// It is text, so that nobody sees it as a page at a second address.
	a := response{kind: "text/plain; charset=utf-8", body: d.Body, header: http.Header{}}
	a.header.Set("Cache-Control", dictionaryLifetime)
	a.header.Set("Use-As-Dictionary", `match="`+d.Match+`"`)
	a.header.Set("X-Robots-Tag", "noindex")
	return a, nil
}

// matchPattern is the URLPattern of a page's paths; "" where one of its characters would mean something else there.
func matchPattern(p *catalog.Page) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/-._~%", c)
	}
	if strings.ContainsFunc(p.Prefix+p.Suffix, func(c rune) bool { return !plain(c) }) {
		return ""
	}
	return p.Prefix + "*" + p.Suffix
}
