package cli_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/long"
)

// fault is what an upstream does instead of answering.
type fault func(w http.ResponseWriter, r *http.Request, sound http.Handler)

// faultyShop puts a fault in front of a shop.
type faultyShop struct {
	shop  *shop
	fault atomic.Pointer[fault]
}

func (f *faultyShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hurt := f.fault.Load(); hurt != nil {
		(*hurt)(w, r, f.shop)
		return
	}
	f.shop.ServeHTTP(w, r)
}

// faults are the ways in which an upstream may be unwell. None of them may delete or change anything.
func faults() map[string]fault {
	version := regexp.MustCompile(`"updated_at":\d+`)
	say := func(status int, kind, body string) fault {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	return map[string]fault{
		"slow": func(w http.ResponseWriter, r *http.Request, sound http.Handler) {
			select {
			case <-time.After(100 * time.Millisecond):
				sound.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		},
		"reset": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"sku":`)
		},
		"endless": func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
					return
				}
			}
		},
		"a bomb": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb())
		},
		"HTML":              say(200, "text/html", "<h1>We are being maintained</h1>"),
		"another type":      say(200, "application/json", `{"sku":7,"name":["x"],"price":{}}`),
		"null":              say(200, "application/json", "null"),
		"an empty list":     say(200, "application/json", "[]"),
		"failing":           say(500, "text/plain", "no"),
		"a lost permission": say(403, "application/json", `{"error":"expired"}`),
		"older": func(w http.ResponseWriter, r *http.Request, sound http.Handler) { // a replica that lags
			answer := httptest.NewRecorder()
			sound.ServeHTTP(answer, r)
			old := strings.ReplaceAll(answer.Body.String(), `"name":"`, `"name":"Old `)
			w.WriteHeader(answer.Code)
			io.WriteString(w, version.ReplaceAllString(old, `"updated_at":0`))
		},
	}
}

// bomb is 64 MiB of zeros, compressed to 64 KiB. Making it takes seconds under the race detector.
var bomb = sync.OnceValue(func() []byte {
	b := new(bytes.Buffer)
	z := gzip.NewWriter(b)
	io.CopyN(z, zeros{}, 64<<20)
	z.Close()
	return b.Bytes()
})

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFaultsOfUpstreams announces edits while the upstream is unwell. Meanwhile every page must stay as it was. When
// the upstream is well again, all edits must arrive, with one retry of the dead letters. The short form has one fault
// of each verdict: silence, refusal, behind. Tests of internal/upstream prove which fault gets which verdict.
func TestFaultsOfUpstreams(t *testing.T) {
	t.Parallel()
	all := faults()
	for _, name := range long.Pick([]string{"reset", "a lost permission", "older"}, slices.Sorted(maps.Keys(all))) {
		hurt := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			fill(s, 30)
			faulty := &faultyShop{shop: s}
			server := httptest.NewServer(faulty)
			t.Cleanup(server.Close)
			v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, server.URL))
			v.refreshAll()
			v.converged(s)
			before := map[string]string{}
			for _, id := range s.IDs() {
				before[id] = v.get(id).Data.Product.Title
			}

			// The sampler could believe a faulty answer about a price.
			v.flip(0, "sweep.pace", "0")
			faulty.fault.Store(&hurt)
			calls := s.Calls.Load()
			conn := v.dial()
			for i, id := range s.IDs() {
				s.Put(id, func(p *product) { p.Title = fmt.Sprintf("Edited %d", i) })
				announce(t, conn, "product", id)
			}
			// Wait until all were tried or parked.
			eventually(t, func() string {
				stats := v.stats()
				if in := stats.Streams["CHANGES"]["normal"]; name == "slow" && s.Calls.Load() > calls || name != "slow" && in.Waiting == 0 {
					return ""
				}
				return fmt.Sprint("nobody has tried yet: ", stats)
			})
			for _, id := range s.IDs() {
				got := v.get(id).Data.Product.Title
				if p, _ := s.Get(id); got != before[id] && got != p.Title {
					t.Errorf("%s became %q", id, got)
				}
			}
			faulty.fault.Store(nil)
			eventually(t, func() string {
				if left, err := conn.Left(t.Context()); err != nil || left > 0 {
					return fmt.Sprint(left, " left, ", err)
				}
				return ""
			})
			if code, _, stderr := vitrine(t, "queue", "retry", "--all", "--nats", v.NATS); code != 0 {
				t.Fatal(stderr)
			}
			v.converged(s)
			// A page is right a moment before its blobs are marked as built.
			eventually(t, func() string {
				if left, err := conn.Left(t.Context()); err != nil || left > 0 {
					return fmt.Sprint(left, " left, ", err)
				}
				return ""
			})
			if out := v.auditOf(0, "--sample", "10000"); out.Stale+out.Dirty+out.Blobs > 0 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestARestoredUpstreamIsFound proves that an upstream restored from a backup, which answers an older version for
// good, is found by an audit and believed in the end. The short form ends with the audit:
// TestALaggingReplicaIsDoubtedAndARestoredOneBelieved proves the rest.
func TestARestoredUpstreamIsFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 20)
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, s.URL))
	for _, id := range s.IDs() {
		s.Put(id, func(p *product) { p.Title = "Today's" })
	}
	v.refreshAll()
	v.converged(s)
	// The sampler could find the edit first. A sample that has begun still may.
	v.flip(0, "sweep.pace", "0")
	for _, id := range s.IDs() {
		s.restore(id, func(p *product) {
			p.Title = "From the backup"
			p.Version = 1
		})
	}
	const back = "an upstream went back to an older version"
	if out := v.auditOf(0, "--sample", "10000"); (out.Back != 20 || out.Repaired < 20) && strings.Count(v.log(), back) < 20 {
		t.Errorf("%+v", out)
	}
	if long.Full() { // a minute and more
		v.converged(s)
	}
}

// restore changes a product without raising its version.
func (s *shop) restore(id string, edit func(*product)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(s.products[id])
}

// TestARolledBackStream restores NATS from yesterday's files. Nobody knows what was announced since, and what was
// done since is announced again. The rollback must be detected and everything must converge.
func TestARolledBackStream(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 40)
	faulty := &faultyShop{shop: s}
	server := httptest.NewServer(faulty)
	t.Cleanup(server.Close)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, server.URL)
	v := up(t, dir, "--catalog", file)
	v.refreshAll()
	v.converged(s)
	v.stop()
	yesterday := filepath.Join(t.TempDir(), "nats")
	if err := os.CopyFS(yesterday, os.DirFS(filepath.Join(dir, "nats"))); err != nil {
		t.Fatal(err)
	}

	v = up(t, dir, "--catalog", file)
	failing := faults()["failing"]
	faulty.fault.Store(&failing)
	conn := v.dial()
	for _, id := range s.IDs() {
		s.Put(id, func(p *product) { p.Title = "Announced today" })
		announce(t, conn, "product", id)
	}
	conn.Close()
	v.stop()
	removeAll(t, filepath.Join(dir, "nats"))
	if err := os.CopyFS(filepath.Join(dir, "nats"), os.DirFS(yesterday)); err != nil {
		t.Fatal(err)
	}
	faulty.fault.Store(nil)
	v = up(t, dir, "--catalog", file)
	v.converged(s)
}
