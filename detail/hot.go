package detail

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// answer answers a request from memory. It tells whether it did; err is then that of writing.
func (c *hotConn) answer(head []byte, err *error) bool {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	path := target(line)
	if path == nil {
		return false
	}
	if c.memo.take(fields); !c.memo.hot {
		return false
	}
	s := c.server
	st := s.hotSite()
	if st == nil || c.memo.crawler && !s.crawlers.on.On() {
		return false
	}
	now := time.Now()
	name := unsafe.String(unsafe.SliceData(path), len(path)) // good until the next read; nobody keeps it
	k := s.kept.get(name, st, now)
	if k == nil {
		return s.gate.full() && c.refuse(st, line, name, now, err)
	}
	coding := s.encoder.pick(c.memo.accepts, k.kind, k.size, true)
	wire, body, status := k.wire[coding], k.bodies[coding], k.status
	switch {
	case body == nil:
		return false
	case c.memo.have == "":
	case c.memo.have == k.etag && status == http.StatusOK:
		wire, body, status = k.unchanged, nil, http.StatusNotModified
	default: // another one, or a list
		return false
	}
	s.metrics.hot.Inc()
	s.metrics.pageHit.Inc()
	s.metrics.pageRequest(status)
	*err = c.write(wire, s.date(now), body, now)
	c.log(line, status, len(body), now)
	return true
}

// refuse tells the visitor of a page that has to be made that too many are being made. It costs little, so that
// the pages under way don't pay for those that are turned away. A page that is here as it was is net/http's to serve.
func (c *hotConn) refuse(st *site, line []byte, path string, now time.Time, err *error) bool {
	s := c.server
	if !st.isPage(path) || s.kept.last(path, st) != nil {
		return false
	}
	k := st.refusal()
	coding := s.encoder.pick(c.memo.accepts, k.kind, k.size, false)
	s.metrics.hot.Inc()
	s.metrics.refused.Inc()
	s.metrics.pageMiss.Inc()
	s.metrics.pageRefused.Inc()
	*err = c.write(k.wire[coding], s.date(now), k.bodies[coding], now)
	c.log(line, k.status, len(k.bodies[coding]), now)
	return true
}

// log writes a request that was answered here.
func (c *hotConn) log(line []byte, status, bytes int, now time.Time) {
	if c.server.Access != nil {
		full, _ := strings.CutSuffix(string(line[len("GET "):]), " HTTP/1.1")
		c.server.Access.write(accessLine{c.remote, http.MethodGet, full, "HTTP/1.1", c.memo.referer, c.memo.agent, status, bytes}, now)
	}
}

// isPage tells whether a path is that of a page as HTML.
func (st *site) isPage(path string) bool {
	for prefix, pages := range st.prefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			_, _, twin, err := cutPage(pages, rest)
			return err == nil && !twin
		}
	}
	return false
}

// refusal is the answer to who comes while too many pages are being made.
func (st *site) refusal() *kept {
	st.refusing.Do(func() {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
		a := st.explainError(st, r, answer{}, errBusy)
		st.refused = &kept{status: a.status, kind: a.kind, header: a.header, size: len(a.body)}
		setAlways(st.refused.header)
		for _, c := range []coding{identity, zipped} {
			st.refused.with(c, st.encoder.encode(c, a.body))
		}
	})
	return st.refused
}

// hotSite is the site that pages in memory must be of; nil while nothing may be answered from memory.
func (s *Server) hotSite() *site {
	st := s.site.Load()
	if st == nil || s.draining.Load() || st.catalog != s.Catalog() || st.templates != s.Templates() {
		return nil
	}
	return st
}

// dateLine is "Date: …\r\n" of a second.
type dateLine struct {
	second int64
	line   []byte
}

func (s *Server) date(now time.Time) []byte {
	second := now.Unix()
	if d := s.dates.Load(); d != nil && d.second == second {
		return d.line
	}
	d := &dateLine{second, []byte("Date: " + now.UTC().Format(http.TimeFormat) + "\r\n")}
	s.dates.Store(d)
	return d.line
}

// hot is what the hot path needs of a Server.
type hot struct {
	dates    atomic.Pointer[dateLine]
	outs     sync.Pool // of *[]byte: answers being written
	draining atomic.Bool
	leaving  atomic.Bool // the server is not ready any more, and serves still
	open     *connections
	noFiles  *occasion
}

// Serve answers on l with the pages that are in memory, and has web answer all else. It returns when web was shut
// down, as web.Serve does.
func (s *Server) Serve(web *http.Server, l net.Listener) error {
	web.ConnState = func(conn net.Conn, state http.ConnState) {
		c, ok := conn.(*hotConn)
		if !ok {
			return
		}
		switch state {
		case http.StateClosed, http.StateHijacked:
			s.open.remove(c)
		case http.StateIdle:
			c.idle()
		}
	}
	return web.Serve(newHotListener(l, s))
}

// Leave has Ready say that the server ends, so that who balances load sends nobody new. It serves on.
func (s *Server) Leave() { s.leaving.Store(true) }

// Drain ends web without losing a request: the listener is closed, and each answer from now on says that the
// connection ends with it. Connections that wait for a request are closed after patience; requests under way, and
// visitors who don't read their answer, have until ctx ends. Another process may accept on the same socket meanwhile.
func (s *Server) Drain(ctx context.Context, patience time.Duration, web *http.Server, l net.Listener) error {
	s.draining.Store(true)
	_ = l.Close() // it may be closed already
	idle := time.NewTimer(patience)
	defer idle.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patient := true
	for s.open.count() > 0 && (patient || s.open.busy()) && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-idle.C:
			patient = false
		case <-ctx.Done():
		}
	}
	if err := web.Shutdown(ctx); err == nil || ctx.Err() == nil {
		return err
	}
	return web.Close()
}
