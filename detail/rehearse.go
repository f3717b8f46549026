package detail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/switches"
)

// Rehearsal tells what pages would be with other values of switches.
type Rehearsal struct {
	Switches map[string]string `json:"switches"`
	Pages    int               `json:"pages"`    // that were rendered, each as it is and as it would be
	Same     int               `json:"same"`     // to the byte
	Changed  int               `json:"changed"`  // other, but served
	Failing  int               `json:"failing"`  // that are served now and would not be
	Statuses map[string]int    `json:"statuses"` // "200 → 503": pages
	Lost     map[string]int    `json:"lost"`     // member of the page's data: pages that would be without it
	Sources  map[string]int    `json:"sources"`  // tier that the page would come from: pages
	Live     map[string]int    `json:"live"`     // "delivery: fresh → hidden": articles, of a few
	Bytes    [2]int            `json:"bytes"`    // of all pages, now and then
	Examples []Example         `json:"examples"` // pages that would change, the failing first
}

// Example is a page to look at.
type Example struct {
	Path string `json:"path"`
	What string `json:"what"`
}

const (
	rehearsedLive = 20 // articles whose live parts are asked for: they may cost their upstreams
	mostExamples  = 5
)

// Rehearsed is a server like this one, with other values of switches, that keeps nothing and tells nobody. Close
// both it and its panel after use.
func (s *Server) Rehearsed(values map[string]string) (*Server, *switches.Panel, error) {
	c, panel, err := s.rehearsed(values)
	if err != nil {
		return nil, nil, err
	}
	then, err := New(c)
	if err != nil {
		panel.Close()
		return nil, nil, err
	}
	return then, panel, nil
}

// rehearsed is the configuration of such a server.
func (s *Server) rehearsed(values map[string]string) (Config, *switches.Panel, error) {
	c := s.config
	panel, err := c.Switches.With(values)
	if err != nil {
		return c, nil, err
	}
	c.Switches, c.Registry, c.Fallback, c.Announcer, c.Access = panel, nil, Fallback{}, nil, nil
	c.Blobs.Bytes, c.PageBytes = 8<<20, 1<<20
	if c.Live.Asker != nil {
		c.Live.Asker = onlyOn{c.Live.Asker, panel}
	}
	return c, panel, nil
}

// onlyOn asks an upstream that a panel has on. The client that answers heeds the process's own panel.
type onlyOn struct {
	LiveAsker
	panel *switches.Panel
}

func (o onlyOn) Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error) {
	if l.From != nil && !o.panel.On("upstream."+l.From.Name) {
		return nil, fmt.Errorf("%w: switched off", item.ErrNotAsked)
	}
	return o.LiveAsker.Live(ctx, l, id, params)
}

// Rehearse renders up to n pages as they are and as they would be, those that are wanted most first.
func (s *Server) Rehearse(ctx context.Context, scan IndexLister, values map[string]string, n int) (r Rehearsal, err error) {
	st, err := s.current()
	if err != nil {
		return r, err
	}
	now, nowPanel, err := s.Rehearsed(nil)
	if err != nil {
		return r, err
	}
	defer nowPanel.Close()
	defer now.Close()
	then, thenPanel, err := s.Rehearsed(values)
	if err != nil {
		return r, err
	}
	defer thenPanel.Close()
	defer then.Close()
	keys, err := s.sample(ctx, st, scan, n)
	if err != nil {
		return r, err
	}
	r = Rehearsal{Switches: values, Statuses: map[string]int{}, Lost: map[string]int{}, Sources: map[string]int{}, Live: map[string]int{}, Examples: []Example{}}
	for i, key := range keys {
		for _, p := range st.catalog.Pages {
			if ownBlob(p, key) && ctx.Err() == nil {
				r.compare(ctx, now, then, st, p, key.Entity)
			}
		}
		if st.live != nil && key.Entity.Kind == st.live.kind.Name && i < rehearsedLive {
			r.compareLive(ctx, now, then, st.catalog.Site.Prefix+"/live/"+item.Escape(key.Entity.ID))
		}
	}
	return r, ctx.Err()
}

// sample gives keys of pages' own blobs: those that are wanted most, and then what the store lists.
func (s *Server) sample(ctx context.Context, st *site, scan IndexLister, n int) (keys []kv.BlobKey, err error) {
	keys = s.mostWanted(st, n)
	seen := map[kv.BlobKey]bool{}
	for _, key := range keys {
		seen[key] = true
	}
	for cursor := ""; len(keys) < n; {
		var some []kv.BlobKey
		if some, cursor, err = scan.ScanBlobs(ctx, cursor, 1000); err != nil {
			return nil, fmt.Errorf("list pages: %w", err)
		}
		for _, key := range some {
			if len(keys) < n && st.hasPage(key) && !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
		if cursor == "" {
			break
		}
	}
	return keys, nil
}

// compare renders one page twice, and its twin, which tells what is lost.
func (r *Rehearsal) compare(ctx context.Context, now, then *Server, st *site, p *catalog.Page, e item.Entity) {
	path := pagePath(p, e.ID)
	before, after := now.ask(ctx, path), then.ask(ctx, path)
	r.Pages++
	r.Bytes[0], r.Bytes[1] = r.Bytes[0]+before.body.Len(), r.Bytes[1]+after.body.Len()
	r.Sources[after.header.Get("X-Vitrine-Source")]++
	if before.status != after.status {
		r.Statuses[strconv.Itoa(before.status)+" → "+strconv.Itoa(after.status)]++
	}
	switch {
	case after.status >= http.StatusInternalServerError && before.status < http.StatusInternalServerError:
		r.Failing++
		r.example(path, fmt.Sprintf("%d in place of %d", after.status, before.status), true)
	case before.status == after.status && bytes.Equal(before.body.Bytes(), after.body.Bytes()):
		r.Same++
	default:
		r.Changed++
		what := "it looks different"
		if lost := r.lose(ctx, now, then, canonicalPath(p, e.ID, true)); len(lost) > 0 {
			what = "without " + fmt.Sprint(lost)
		}
		r.example(path, what, false)
	}
}

// lose counts the members of a page's data that would not be there.
func (r *Rehearsal) lose(ctx context.Context, now, then *Server, twin string) (lost []string) {
	before, after := now.ask(ctx, twin), then.ask(ctx, twin)
	gjson.ParseBytes(before.body.Bytes()).ForEach(func(name, _ gjson.Result) bool {
		if _, ok := shape.Lookup(after.body.Bytes(), catalog.Path{name.Str}); !ok {
			lost = append(lost, name.Str)
			r.Lost[name.Str]++
		}
		return true
	})
	return lost
}

// compareLive asks for the live parts of one article twice.
func (r *Rehearsal) compareLive(ctx context.Context, now, then *Server, path string) {
	states := func(s *Server) map[string]string {
		all := map[string]string{}
		gjson.GetBytes(s.ask(ctx, path).body.Bytes(), "parts").ForEach(func(name, part gjson.Result) bool {
			all[name.Str] = part.Get("state").Str
			return true
		})
		return all
	}
	before, after := states(now), states(then)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			r.Live[name+": "+before[name]+" → "+after[name]]++
		}
	}
}

func (r *Rehearsal) example(path, what string, first bool) {
	if first {
		r.Examples = slices.Insert(r.Examples, 0, Example{path, what})
	} else {
		r.Examples = append(r.Examples, Example{path, what})
	}
	r.Examples = r.Examples[:min(len(r.Examples), mostExamples)]
}

// recorded is an answer that goes nowhere.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(b []byte) (int, error) { return r.body.Write(b) }

// ask asks the server for a path, without a network.
func (s *Server) ask(ctx context.Context, path string) *recorded {
	r := &recorded{header: http.Header{}, status: http.StatusOK}
	u, err := url.Parse(path)
	if err != nil {
		r.status = http.StatusBadRequest
		return r
	}
	s.serve(r, (&http.Request{Method: http.MethodGet, URL: u, RequestURI: path, Proto: "HTTP/1.1", Header: http.Header{}}).WithContext(ctx))
	return r
}

// ServePage answers with one page of the server, for operators to look at.
func (s *Server) ServePage(ctx context.Context, w http.ResponseWriter, path string) {
	got := s.ask(ctx, path)
	for _, name := range []string{"Content-Type", "Content-Security-Policy", "X-Vitrine-Source", "X-Vitrine-Stale"} {
		if v := got.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body.Bytes())
}
