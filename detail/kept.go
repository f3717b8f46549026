package detail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vitrine/detail/blobcache"
	"vitrine/detail/pagecache"
	"vitrine/internal/redact"
)

// KeptPage is a page that a server has in memory.
type KeptPage struct {
	Path    string   // escaped, with the query of a page that lists
	Codings []string // in which it has the page, as in Accept-Encoding
}

// KeptPages lists up to n pages in memory: those that visitors request most, in that order, and then others.
func (s *Server) KeptPages(ctx context.Context, n int) (pages []KeptPage) {
	st, err := s.current()
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	take := func(path string) {
		if len(pages) == n || seen[path] {
			return
		}
		seen[path] = true
		if kept := s.pages.Last(path, st.version); kept != nil {
			pages = append(pages, KeptPage{path, kept.Codings()})
		}
	}
	for _, path := range s.popular.Top(popularMax) {
		take(path)
	}
	for _, key := range s.Hot() {
		for _, p := range st.catalog.Pages {
			if len(pages) < n && p.Moved == nil && ownBlob(p, key) {
				take(st.addressOf(ctx, p, key.Entity).path())
			}
		}
	}
	return pages
}

// Keep makes pages that this server does not have in memory, and keeps them, until ctx ends. It returns how many it has made, and those
// that can't be made now because what they are made of can't be had. Pages that are not in the shop, or not any more, are skipped.
func (s *Server) Keep(ctx context.Context, pages []KeptPage) (made int, failing []KeptPage) {
	kept := make([]kept, len(pages))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, page := range pages {
		group.Go(redact.Guard(func() error {
			kept[i] = s.keep(ctx, page)
			return nil
		}))
	}
	_ = group.Wait() // none fails
	for i, one := range kept {
		if one.made {
			made++
		}
		if one.fails {
			failing = append(failing, pages[i])
		}
	}
	return made, failing
}

// kept is what became of a page to keep.
type kept struct {
	made  bool
	fails bool // what it is made of can't be had
}

// keep makes a page in each of its codings that this server does not have it in.
func (s *Server) keep(ctx context.Context, page KeptPage) (k kept) {
	st, err := s.current()
	if err != nil {
		return kept{fails: true}
	}
	for _, coding := range page.Codings {
		r, q, err := st.requestOf(ctx, page.Path, coding)
		if err != nil {
			return k
		}
		if last := s.pages.Last(q.path, st.version); last != nil {
			if _, body := last.BodyFor(s.encoder, q.accepts); body != nil {
				continue
			}
		}
		if ctx.Err() != nil {
			return k
		}
		_, err = st.produce(r, q, blobcache.Policy{})
		if err != nil {
			k.fails = statusOf(err).code == http.StatusServiceUnavailable && !errors.Is(err, errShed)
			return k
		}
		k.made = true
	}
	return k
}

// requestOf is the request of a visitor who accepts one coding.
func (st *site) requestOf(ctx context.Context, path, coding string) (*http.Request, request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return nil, request{}, fmt.Errorf("a path of a page: %w", err)
	}
	a, err := st.findPage(r.URL.EscapedPath())
	if err != nil {
		return nil, request{}, err
	}
	r.Header.Set("Accept-Encoding", coding)
	q, err := newRequest(r, a)
	q.accepts = pagecache.ParseAccepts([]string{coding}, nil)
	return r, q, err
}
