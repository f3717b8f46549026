package detail

import (
	"sync"
	"sync/atomic"

	"vitrine/internal/catalog"
	"vitrine/templates"
)

// sites makes a site of each catalog and set of templates that comes into force, once.
type sites struct {
	make func(version uint64, c *catalog.Catalog, set *templates.Set) *site

	changed func() // called before a site comes into force

	making  sync.Mutex // held while a site is made; guards version
	version uint64     // of the site made last
	now     atomic.Pointer[site]
	last    atomic.Pointer[site] // of the previous catalog
}

// of is the site of the catalog in force.
func (s *sites) of(c *catalog.Catalog, set *templates.Set) *site { return s.get(&s.now, c, set) }

// previous is the site of the previous catalog.
func (s *sites) previous(c *catalog.Catalog, set *templates.Set) *site { return s.get(&s.last, c, set) }

// get is the site that a pointer holds, or a new one where that is of another catalog or other templates.
func (s *sites) get(held *atomic.Pointer[site], c *catalog.Catalog, set *templates.Set) *site {
	if st := held.Load(); st.isOf(c, set) {
		return st
	}
	s.making.Lock()
	defer s.making.Unlock()
	if st := held.Load(); st.isOf(c, set) {
		return st
	}
	s.version++
	st := s.make(s.version, c, set)
	if held == &s.now {
		s.changed()
	}
	held.Store(st)
	return st
}

// isOf reports whether a site serves just this catalog with these templates. A nil site serves none.
func (st *site) isOf(c *catalog.Catalog, set *templates.Set) bool {
	return st != nil && st.catalog == c && st.templates == set
}
