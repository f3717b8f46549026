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

	making  sync.Mutex // one at a time makes a site; guards version
	version uint64     // of the last one
	now     atomic.Pointer[site]
	former  atomic.Pointer[site] // of the catalog before
}

// of is the site of what is in force.
func (s *sites) of(c *catalog.Catalog, set *templates.Set) *site { return s.get(&s.now, c, set) }

// before is the site of the catalog before.
func (s *sites) before(c *catalog.Catalog, set *templates.Set) *site { return s.get(&s.former, c, set) }

func (s *sites) get(last *atomic.Pointer[site], c *catalog.Catalog, set *templates.Set) *site {
	if st := last.Load(); st.isOf(c, set) {
		return st
	}
	s.making.Lock()
	defer s.making.Unlock()
	if st := last.Load(); st.isOf(c, set) {
		return st
	}
	s.version++
	st := s.make(s.version, c, set)
	last.Store(st)
	return st
}

// isOf reports whether a site is of a catalog and a set of templates; nil is of none.
func (st *site) isOf(c *catalog.Catalog, set *templates.Set) bool {
	return st != nil && st.catalog == c && st.templates == set
}
