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

// Rehearsal says how pages would change with other values of switches.
type Rehearsal struct {
	Switches map[string]string `json:"switches"`
	Pages    int               `json:"pages"`    // that were rendered, each with the values in force and with the others
	Same     int               `json:"same"`     // byte for byte
	Changed  int               `json:"changed"`  // different, but served
	Failing  int               `json:"failing"`  // served now, and then not
	Statuses map[string]int    `json:"statuses"` // pages by change of status: "200 → 503"
	Lost     map[string]int    `json:"lost"`     // pages by the member of their data that they would lose
	Sources  map[string]int    `json:"sources"`  // pages by the tier that they would come from
	Live     map[string]int    `json:"live"`     // entities, of a few, by change of a live part: "delivery: fresh → hidden"
	Bytes    [2]int            `json:"bytes"`    // of all pages, now and then
	Examples []Example         `json:"examples"` // some pages that would change, failing ones first
}

// Example is a page to look at.
type Example struct {
	Path string `json:"path"`
	What string `json:"what"`
}

const (
	rehearsedLive = 20 // entities whose live parts are asked for, which their upstreams have to answer
	mostExamples  = 5
)

// Rehearsed makes a server like this one, with a panel on which some switches have other values. It announces and logs nothing,
// and has small caches of its own. Close both after use. Errors are switches.ErrUnknown and ErrValue.
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

// rehearsed is the configuration of such a server, and its panel.
func (s *Server) rehearsed(values map[string]string) (Config, *switches.Panel, error) {
	c := s.config
	panel, err := c.Switches.With(values)
	if err != nil {
		return c, nil, err
	}
	c.Switches, c.Registry, c.Fallback, c.Announcer, c.Access = panel, nil, Fallback{}, nil, nil
	c.Blobs.Bytes, c.PageBytes = 8<<20, 1<<20
	if c.Live.Asker != nil {
		c.Live.Asker = switchedAsker{c.Live.Asker, panel}
	}
	return c, panel, nil
}

// switchedAsker asks only upstreams that a panel has on. The asker behind it goes by the panel of the process.
type switchedAsker struct {
	LiveAsker
	panel *switches.Panel
}

func (a switchedAsker) Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error) {
	if l.From != nil && !a.panel.On(switches.Upstream(l.From.Name).Name) {
		return nil, fmt.Errorf("%w: switched off", item.ErrNotAsked)
	}
	return a.LiveAsker.Live(ctx, l, id, params)
}

// Rehearse renders the pages of up to n entities twice: with the switches as they are, and with other values of some. The entities
// that visitors want most come first, then those that scan lists. Errors are switches.ErrUnknown, switches.ErrValue, and those of
// scan and ctx.
func (s *Server) Rehearse(ctx context.Context, scan BlobLister, values map[string]string, n int) (r Rehearsal, err error) {
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
			r.compareLive(ctx, now, then, st.catalog.Site.Prefix+catalog.LivePath+item.Escape(key.Entity.ID))
		}
	}
	return r, ctx.Err()
}

// sample is up to n keys of pages' own blobs: those that visitors want most, then those that the store lists.
func (s *Server) sample(ctx context.Context, st *site, scan BlobLister, n int) (keys []kv.BlobKey, err error) {
	keys = s.popularPages(st, n)
	seen := map[kv.BlobKey]bool{}
	for _, key := range keys {
		seen[key] = true
	}
	for cursor := ""; len(keys) < n; {
		var some []kv.BlobKey
		some, cursor, err = scan.ScanBlobs(ctx, cursor, 1000)
		if err != nil {
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

// compare renders one page by both servers. Its JSON twin says what is lost.
func (r *Rehearsal) compare(ctx context.Context, now, then *Server, st *site, p *catalog.Page, e item.Entity) {
	at := st.addressOf(ctx, p, e)
	path := at.path()
	before, after := now.fetch(ctx, path), then.fetch(ctx, path)
	r.Pages++
	r.Bytes[0], r.Bytes[1] = r.Bytes[0]+before.body.Len(), r.Bytes[1]+after.body.Len()
	r.Sources[after.header.Get("X-Vitrine-Source")]++
	if before.status != after.status {
		r.Statuses[strconv.Itoa(before.status)+" → "+strconv.Itoa(after.status)]++
	}
	switch {
	case after.status >= http.StatusInternalServerError && before.status < http.StatusInternalServerError:
		r.Failing++
		r.addExample(path, fmt.Sprintf("%d in place of %d", after.status, before.status), true)
	case before.status == after.status && bytes.Equal(before.body.Bytes(), after.body.Bytes()):
		r.Same++
	default:
		r.Changed++
		what := "it looks different"
		at.twin = true
		if lost := r.countLost(ctx, now, then, at.path()); len(lost) > 0 {
			what = "without " + fmt.Sprint(lost)
		}
		r.addExample(path, what, false)
	}
}

// countLost counts and lists the members that a page's data would lose.
func (r *Rehearsal) countLost(ctx context.Context, now, then *Server, twin string) (lost []string) {
	before, after := now.fetch(ctx, twin), then.fetch(ctx, twin)
	gjson.ParseBytes(before.body.Bytes()).ForEach(func(name, _ gjson.Result) bool {
		if _, ok := shape.Lookup(after.body.Bytes(), catalog.Path{name.Str}); !ok {
			lost = append(lost, name.Str)
			r.Lost[name.Str]++
		}
		return true
	})
	return lost
}

// compareLive asks both servers for the live parts of one entity.
func (r *Rehearsal) compareLive(ctx context.Context, now, then *Server, path string) {
	states := func(s *Server) map[string]string {
		all := map[string]string{}
		gjson.GetBytes(s.fetch(ctx, path).body.Bytes(), "parts").ForEach(func(name, part gjson.Result) bool {
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

func (r *Rehearsal) addExample(path, what string, first bool) {
	if first {
		r.Examples = slices.Insert(r.Examples, 0, Example{path, what})
	} else {
		r.Examples = append(r.Examples, Example{path, what})
	}
	r.Examples = r.Examples[:min(len(r.Examples), mostExamples)]
}

// recorder is a http.ResponseWriter that holds the response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// fetch has the server respond to GET of a path, without a network.
func (s *Server) fetch(ctx context.Context, path string) *recorder {
	r := &recorder{header: http.Header{}, status: http.StatusOK}
	u, err := url.Parse(path)
	if err != nil {
		r.status = http.StatusBadRequest
		return r
	}
	s.serve(r, (&http.Request{Method: http.MethodGet, URL: u, RequestURI: path, Proto: "HTTP/1.1", Header: http.Header{}}).WithContext(ctx))
	return r
}

// Get responds to GET of a path, without a network.
func (s *Server) Get(ctx context.Context, path string) (status int, body []byte) {
	r := s.fetch(ctx, path)
	return r.status, r.body.Bytes()
}

// ServePage writes one page of the server, for operators to look at.
func (s *Server) ServePage(ctx context.Context, w http.ResponseWriter, path string) {
	got := s.fetch(ctx, path)
	for _, name := range []string{"Content-Type", "Content-Security-Policy", "X-Vitrine-Source", "X-Vitrine-Stale"} {
		if v := got.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body.Bytes())
}
