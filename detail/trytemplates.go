package detail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/templates"
)

// Trial tells what pages of the shop are like by templates that are not in force.
type Trial struct {
	Pages   int      `json:"pages"`             // that were rendered
	Missing []string `json:"missing,omitempty"` // templates that the catalog names and the set has not, in words
	Failed  []Failed `json:"failed,omitempty"`  // after mostFailed of them no more pages are tried
}

// Failed is a page that could not be rendered.
type Failed struct {
	Entity string `json:"entity"` // KIND:ID
	Path   string `json:"path"`
	File   string `json:"file"`
	Line   int    `json:"line"` // 0 where it is not known
	Error  string `json:"error"`
}

const (
	mostFailed  = 10
	mostScanned = 1_000_000 // keys that a spread is taken from
)

// OK reports whether the templates may be put in force.
func (t Trial) OK() bool { return len(t.Missing)+len(t.Failed) == 0 }

// Try renders pages of up to n entities by a set: half of them from those in memory, which visitors want, the others
// spread over the store. Nothing is kept, told or logged.
func (s *Server) Try(ctx context.Context, scan IndexLister, set *templates.Set, n int) (t Trial, err error) {
	c, panel, err := s.rehearsed(nil)
	if err != nil {
		return t, err
	}
	defer panel.Close()
	c.Templates, c.StandIns = func() *templates.Set { return set }, nil
	c.Log = slog.New(slog.DiscardHandler)
	then, err := New(c)
	if err != nil {
		return t, err
	}
	defer then.Close()
	st, err := then.current()
	if err != nil {
		return t, err
	}
	t.Missing = st.catalog.MissingTemplates(set.Has)
	keys, err := s.spread(ctx, st, scan, n)
	if err != nil {
		return t, err
	}
	for _, key := range keys {
		for _, p := range st.catalog.Pages {
			if ownBlob(p, key) && set.Has(p.Template) && len(t.Failed) < mostFailed && ctx.Err() == nil {
				t.try(ctx, st, p, key.Entity)
			}
		}
	}
	return t, ctx.Err()
}

// try renders one page, if it is there. Why else it can't be made is not the templates' fault.
func (t *Trial) try(ctx context.Context, st *site, p *catalog.Page, e item.Entity) {
	read := st.read(ctx, p, e, blobcache.Policy{NoStore: true})
	if read.life() != nil {
		return
	}
	_, err := read.site.make(read, false, response{header: http.Header{}})
	fault := (*templates.Fault)(nil)
	switch {
	case errors.As(err, &fault):
		t.Failed = append(t.Failed, Failed{e.String(), pagePath(p, e.ID), fault.File, fault.Line, fault.Error()})
	case err != nil:
		return
	}
	t.Pages++
}

// spread gives keys of pages' own blobs: half of them from memory, the others at random from the store.
func (s *Server) spread(ctx context.Context, st *site, scan IndexLister, n int) (keys []kv.BlobKey, err error) {
	taken := map[kv.BlobKey]bool{}
	for _, key := range s.Hot() {
		if len(keys) < n/2 && st.hasPage(key) {
			taken[key] = true
			keys = append(keys, key)
		}
	}
	hot, scanned := len(keys), 0
	candidates := 0
	for cursor := ""; scanned < mostScanned; {
		var some []kv.BlobKey
		if some, cursor, err = scan.ScanBlobs(ctx, cursor, 1000); err != nil {
			return nil, fmt.Errorf("list pages: %w", err)
		}
		for _, key := range some {
			scanned++
			if taken[key] || !st.hasPage(key) {
				continue
			}
			candidates++
			if len(keys) < n {
				keys = append(keys, key)
			} else if at := rand.IntN(candidates); at < n-hot {
				keys[hot+at] = key
			}
		}
		if cursor == "" {
			break
		}
	}
	return keys, nil
}

func (st *site) hasPage(key kv.BlobKey) bool {
	for _, p := range st.catalog.Pages {
		if ownBlob(p, key) {
			return true
		}
	}
	return false
}

// ownBlob reports whether the key is that of a page's own blob.
func ownBlob(p *catalog.Page, key kv.BlobKey) bool {
	return p.Kind.Name == key.Entity.Kind && p.Blob.Name == key.Blob
}
