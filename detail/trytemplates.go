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

// Trial is the result of rendering pages of the shop by templates that are not in force.
type Trial struct {
	Articles int    `json:"articles"`           // that were chosen
	Unlisted string `json:"unlisted,omitempty"` // why only those that visitors want most were chosen from: the store does not say what there is

	Pages   int      `json:"pages"`             // that were rendered, failed ones included
	Missing []string `json:"missing,omitempty"` // a sentence for each template that the catalog names and the set lacks
	Failed  []Failed `json:"failed,omitempty"`  // after ten of them no more pages are tried
}

// Failed is a page that could not be rendered.
type Failed struct {
	Entity string `json:"entity"` // KIND:ID
	Path   string `json:"path"`
	File   string `json:"file"`
	Line   int    `json:"line"` // 0 if it is not known
	Error  string `json:"error"`
}

const (
	mostFailed  = 10
	mostScanned = 1_000_000 // keys among which pages are chosen at random
)

// OK reports whether the templates may be put in force.
func (t Trial) OK() bool { return len(t.Missing)+len(t.Failed) == 0 }

// Blind returns why the trial says nothing about the shop's pages though it may have some; "" where it does.
func (t Trial) Blind() string {
	switch {
	case t.Pages > 0:
		return ""
	case t.Unlisted != "":
		return "the store does not say which pages there are: " + t.Unlisted
	case t.Articles > 0:
		return fmt.Sprintf("none of %d articles can be read from the store", t.Articles)
	}
	return ""
}

// Progress is how far a Trial has come.
type Progress struct {
	Listed int `json:"listed"` // stored keys that were searched for pages to try
	Tried  int `json:"tried"`  // entities whose pages were tried
	Of     int `json:"of"`     // entities chosen to be tried; 0 while they are being chosen
}

// Try renders the pages of up to n entities by a set of templates. Half of the entities are those that visitors ask for most; the others
// are chosen at random from scan. No page is kept, nothing is announced or logged. Try calls progress after each batch of keys
// and after each entity. It fails if the server has no catalog yet, or ctx ends; where scan fails,
// Unlisted says so. After an error t holds what was found
// so far.
func (s *Server) Try(ctx context.Context, scan BlobLister, set *templates.Set, n int, progress func(Progress)) (t Trial, err error) {
	c, panel, err := s.rehearsed(nil)
	if err != nil {
		return t, err
	}
	defer panel.Close()
	c.Templates, c.FallbackTemplates = func() *templates.Set { return set }, nil
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
	for _, m := range st.catalog.MissingTemplates("", set.Pages(), set.Has) {
		t.Missing = append(t.Missing, m.Msg)
	}
	var now Progress
	keys, err := s.spread(ctx, st, scan, n, func(listed int) {
		now.Listed = listed
		progress(now)
	})
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if err != nil {
		t.Unlisted = err.Error()
	}
	t.Articles, now.Of = len(keys), len(keys)
	for _, key := range keys {
		for _, p := range st.catalog.Pages {
			if ownBlob(p, key) && set.Has(p.Template) && ctx.Err() == nil {
				t.try(ctx, st, p, key.Entity)
			}
		}
		if len(t.Failed) >= mostFailed || ctx.Err() != nil {
			break
		}
		now.Tried++
		progress(now)
	}
	return t, ctx.Err()
}

// try renders one page if its entity exists, and notes a fault of a template. Any other failure is not the templates', and the page does
// not count.
func (t *Trial) try(ctx context.Context, st *site, p *catalog.Page, e item.Entity) {
	read := st.read(ctx, p, e, blobcache.Policy{NoStore: true})
	if read.life() != nil {
		return
	}
	_, err := read.site.make(read, false, response{header: http.Header{}})
	fault := (*templates.Fault)(nil)
	switch {
	case errors.As(err, &fault):
		t.Failed = append(t.Failed, Failed{e.String(), read.pathOf(p), fault.File, fault.Line, fault.Error()})
	case err != nil:
		return
	}
	t.Pages++
}

// spread returns keys of up to n blobs that have a page of their own: half of them those whose pages are asked for most, the others at
// random from scan. It calls listed with the number of keys that it has searched. With an error
// come those that were found before it.
func (s *Server) spread(ctx context.Context, st *site, scan BlobLister, n int, listed func(int)) (keys []kv.BlobKey, err error) {
	keys = s.popularPages(st, n/2)
	taken := map[kv.BlobKey]bool{}
	for _, key := range keys {
		taken[key] = true
	}
	wanted, scanned, candidates := len(keys), 0, 0
	for cursor := ""; scanned < mostScanned; {
		var some []kv.BlobKey
		some, cursor, err = scan.ScanBlobs(ctx, cursor, 1000)
		if err != nil {
			return keys, fmt.Errorf("list pages: %w", err)
		}
		scanned += len(some)
		listed(scanned)
		for _, key := range some {
			if taken[key] || !st.hasPage(key) {
				continue
			}
			candidates++
			if len(keys) < n {
				keys = append(keys, key)
			} else if at := rand.IntN(candidates); at < n-wanted {
				keys[wanted+at] = key
			}
		}
		if cursor == "" {
			break
		}
	}
	return keys, nil
}

// hasPage reports whether the key is that of the own blob of any page.
func (st *site) hasPage(key kv.BlobKey) bool {
	for _, p := range st.catalog.Pages {
		if ownBlob(p, key) {
			return true
		}
	}
	return false
}

// ownBlob reports whether the key is that of the page's own blob.
func ownBlob(p *catalog.Page, key kv.BlobKey) bool {
	return p.Kind.Name == key.Entity.Kind && p.Blob.Name == key.Blob
}
