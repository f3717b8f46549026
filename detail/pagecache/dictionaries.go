package pagecache

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	mostDictionaries = 8         // of all pages: each takes some MB where it is in use
	perPage          = 2         // dictionaries of one page's: that on offer and the one before
	maxDictionary    = 128 << 10 // bytes
)

// Dictionaries keeps the pages that others are compressed with: for each page of the catalog that on offer, and the one before,
// which visitors may still have. It is safe for concurrent use.
type Dictionaries struct {
	offering sync.Mutex                    // held while the list is replaced
	list     atomic.Pointer[[]*Dictionary] // oldest first
}

func (s *Dictionaries) all() []*Dictionary {
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}

// ByHash is the dictionary with a hash, if it is one of these; else nil.
func (s *Dictionaries) ByHash(h Hash) *Dictionary {
	for _, d := range s.all() {
		if d.Hash == h {
			return d
		}
	}
	return nil
}

// Offered is the dictionary of a page and a revision of catalog and templates; nil where there is none.
func (s *Dictionaries) Offered(page, revision string) *Dictionary {
	for _, d := range s.all() {
		if d.Page == page && d.revision == revision {
			return d
		}
	}
	return nil
}

// Offer makes a body the dictionary of a page, whose paths match a URLPattern, unless the page has one of this revision already. It makes
// none where the body is too short to help or too long, or where too many other pages have a dictionary.
func (s *Dictionaries) Offer(page, match, revision string, body []byte) {
	if len(body) <= codeFrom || len(body) > maxDictionary {
		return
	}
	s.offering.Lock()
	defer s.offering.Unlock()
	if s.Offered(page, revision) != nil {
		return
	}
	list := slices.Clone(s.all())
	ofPage := func(d *Dictionary) bool { return d.Page == page }
	if n := count(list, ofPage); n >= perPage {
		list = deleteFirst(list, ofPage)
	}
	if len(list) >= mostDictionaries {
		list = deleteFirst(list, func(d *Dictionary) bool { return d.revision != revision })
	}
	if len(list) >= mostDictionaries {
		return
	}
	list = append(list, newDictionary(page, match, revision, bytes.Clone(body)))
	s.list.Store(&list)
}

func count(all []*Dictionary, is func(*Dictionary) bool) (n int) {
	for _, d := range all {
		if is(d) {
			n++
		}
	}
	return n
}

func deleteFirst(all []*Dictionary, is func(*Dictionary) bool) []*Dictionary {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}
