package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// auditOf runs vitrine audit, fails the test at another exit code than wantCode, and returns its JSON output.
func (r *running) auditOf(wantCode int, args ...string) (out struct {
	Checked, Stale, Repaired, Entities, Dirty, Blobs, Back, Silent int
	Bound                                                          float64
}) {
	r.t.Helper()
	code, stdout, stderr := vitrine(r.t, append([]string{"audit", "--json", "--admin", r.Admin, "--dir", r.Dir}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &out); code != wantCode || err != nil {
		r.t.Fatalf("code %d: %s%s", code, stdout, stderr)
	}
	return out
}

// converged waits until every page shows what the shop knows.
func (r *running) converged(s *shop) {
	r.t.Helper()
	for _, id := range s.IDs() {
		eventually(r.t, func() string { return r.differs(s, id) })
	}
}

func TestAuditFindsUnannouncedChanges(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, args ...string) {
		s, v := filledShop(t, 60, args...)
		v.converged(s)
		if out := v.auditOf(0, "--sample", "100000"); out.Stale+out.Dirty+out.Blobs > 0 || out.Entities < 60 || out.Checked < 120 || out.Bound <= 0 || out.Bound > 0.05 {
			t.Errorf("all is well, and: %+v", out)
		}
		// The sampler would find the unannounced edits before the audit does.
		v.flip(0, "sweep.pace", "0")
		for i, id := range s.IDs() {
			switch i % 10 {
			case 0:
				s.Put(id, func(p *product) { p.Title = "Nobody was told" })
			case 1:
				s.Delete(id)
			}
		}
		if out := v.auditOf(1, "--sample", "100000", "--dry-run"); out.Stale < 12 || out.Repaired != 0 || out.Bound < 0.05 {
			t.Errorf("a dry run: %+v", out)
		}
		if out := v.auditOf(0, "--sample", "100000"); out.Stale < 12 || out.Repaired != out.Stale {
			t.Errorf("%+v", out)
		}
		v.converged(s)
	})
}

func TestAuditWithoutASystem(t *testing.T) {
	t.Setenv("VITRINE_TOKEN", "x")
	if code, _, stderr := vitrine(t, "audit", "--admin", "127.0.0.1:1"); code != 1 || !strings.Contains(stderr, "--admin") {
		t.Error(code, stderr)
	}
	if code, _, _ := vitrine(t, "audit", "--sample", "-1"); code != 2 {
		t.Error(code)
	}
}

// TestFaultsOfStores proves that after each fault of Redis lost changes are announced again without an operator, and
// that pages converge. The short form leaves out the empty stores, which TestAReplacedStoreIsFilledFromTheLists
// covers, and READONLY, a second store that refuses writes.
func TestFaultsOfStores(t *testing.T) {
	t.Parallel()
	all := map[string]func(r *redistest.Server){
		"hung":             func(r *redistest.Server) { r.Pause() },
		"out of memory":    func(r *redistest.Server) { r.Do("CONFIG", "SET", "maxmemory", "1") },
		"flushed":          func(r *redistest.Server) { r.Flush() },
		"READONLY":         func(r *redistest.Server) { r.Do("REPLICAOF", "127.0.0.1", "1") },
		"restarted, empty": func(r *redistest.Server) { r.Stop(); r.Start() },
	}
	for _, name := range long.Pick([]string{"hung", "out of memory"}, slices.Sorted(maps.Keys(all))) {
		hurt := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Single(t)
			s, v := filledShop(t, long.Pick(40, 80), "--redis", r.URL)
			v.converged(s)
			conn := v.dial()
			hurt(r)
			for i, id := range s.IDs() {
				s.Put(id, func(p *product) { p.Title = fmt.Sprintf("After it was %s, %d", name, i) })
				announce(t, conn, "product", id)
			}
			// Some faults need somebody to mend them. Until then no change may be lost.
			switch name {
			case "hung":
				r.Resume()
			case "out of memory":
				v.stuck()
				r.Do("CONFIG", "SET", "maxmemory", "0")
			case "READONLY":
				v.stuck()
				r.Do("REPLICAOF", "NO", "ONE")
			}
			v.converged(s)
		})
	}
}

// stuck waits until changes are waiting, and fails where one has become a dead letter.
func (r *running) stuck() {
	r.t.Helper()
	conn := r.dial()
	left, err := conn.Left(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if left == 0 {
		r.t.Error("nothing waits though the store takes nothing")
	}
	if s := r.stats(); s.Failed > 0 {
		r.t.Errorf("%d have failed for good", s.Failed)
	}
}

func TestAReplacedStoreIsFilledFromTheLists(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s, v := filledShop(t, 50, "--redis", r.URL)
	v.converged(s)
	for _, id := range s.IDs() {
		// This edit is never announced.
		s.Put(id, func(p *product) { p.Title = "Edited while the store was away" })
	}
	r.Flush()
	v.converged(s)
}

func TestALostStreamIsFilledFromTheLists(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 50)
	dir := t.TempDir()
	v := up(t, dir, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	for _, id := range s.IDs() {
		s.Put(id, func(p *product) { p.Title = "Edited, and what was announced is lost" })
	}
	removeAll(t, filepath.Join(dir, "nats"))
	v.converged(s)
}

// TestChangesAreReadBack proves that the continuous auditor sees announced changes arrive, and finds them on the
// pages of its own process.
func TestChangesAreReadBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 5)
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, s.URL))
	conn := v.dial()
	eventually(t, func() string {
		for _, id := range s.IDs() {
			s.Put(id, func(p *product) { p.Title += "." })
			announce(t, conn, "product", id)
		}
		_, _, body := fetch(t, v.Admin+"/metrics")
		if !strings.Contains(string(body), `vitrine_audit_read_back_total{age="1s",right="true"}`) {
			return "no change was read back"
		}
		return ""
	})
}
