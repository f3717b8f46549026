package detail_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/testlog"
)

// TestStaleMeansOvertaken proves that a healthy system marks nothing stale, however long ago a blob was read. Where
// no announcements arrive, an expired blob may be old and is marked. The metric counts exactly the marked responses.
func TestStaleMeansOvertaken(t *testing.T) {
	synctest.Test(t, staleMeansOvertaken)
}

func staleMeansOvertaken(t *testing.T) {
	var deaf atomic.Bool
	registry := prometheus.NewRegistry()
	s := openInBubble(t, func(c *detail.Config) {
		c.Registry = registry
		c.Blobs.TTL = 2 * time.Second // ten times as long for expired blobs
		c.Blobs.Hears = func() bool { return !deaf.Load() }
	})
	s.redis.Put("sku:1", "item", 1, lamp)
	s.redis.Put("sku:1", "offer", 1, `{}`)
	s.get(t, "/item/1.json")
	release := make(chan struct{})
	s.redis.Set(func(m *kvtest.Memory) { m.Hang = release })
	defer close(release)
	asked := s.redis.Reads()
	stale := func() bool {
		got := s.get(t, "/item/1.json")
		if got.status != 200 || !got.fromMemory() {
			t.Fatalf("/item/1.json: status %d, header %v; want status 200, a page from memory", got.status, got.header)
		}
		return got.header.Get("X-Vitrine-Stale") != ""
	}
	for range 4 {
		time.Sleep(time.Second)
		if stale() {
			t.Fatal("marked stale")
		}
	}
	if s.redis.Reads() == asked {
		t.Fatal("expired blobs are not refreshed")
	}
	if stale() {
		t.Error("expired, and marked stale")
	}
	deaf.Store(true)
	if !stale() {
		t.Error("expired while no announcement arrives, and not marked")
	}
	marked := 1.
	for range 3 {
		if stale() {
			marked++
		}
	}
	if n := counted(t, registry, "vitrine_detail_stale_answers_total"); n != marked {
		t.Errorf("%v answers are counted as stale, %v are marked", n, marked)
	}
}

// TestLastModifiedNeverFalls proves that the deletion of a dimension other than the root counts as a change.
func TestLastModifiedNeverFalls(t *testing.T) {
	synctest.Test(t, lastModifiedNeverFalls)
}

func lastModifiedNeverFalls(t *testing.T) {
	s := openInBubble(t)
	at := func(gen time.Time, fetched time.Time, body string) time.Time {
		t.Helper()
		e := entity(t, "sku:1")
		v := kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: uint64(gen.UnixMicro()), Fetched: fetched}, Body: []byte(body)}
		s.redis.Set(func(m *kvtest.Memory) { m.Stored[kv.BlobKey{Entity: e, Blob: "item"}] = v })
		s.server.Announced(e, map[string]uint64{"item": v.Stamp})
		got, err := http.ParseTime(s.get(t, "/item/1.json").header.Get("Last-Modified"))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	s.get(t, "/item/1.json") // brings the catalog into force
	now := time.Now()
	past := now.Add(time.Second)
	time.Sleep(4 * time.Second)
	with := at(past, past, `{"product":{"title":"Lamp"},"specs":{}}`)
	without := at(past.Add(time.Second), now.Add(-time.Hour), lamp) // without the newest record
	if !without.After(with) {
		t.Errorf("%s, and then %s", with, without)
	}
}

// panicking is a tier that panics.
type panicking struct{ *kvtest.Memory }

func (panicking) ScanBlobs(context.Context, string, int) ([]kv.BlobKey, string, error) {
	panic("a fault")
}

func TestPanicsAreReported(t *testing.T) {
	out, registry := &testlog.Buffer{}, prometheus.NewRegistry()
	s := open(t, func(c *detail.Config) {
		c.Log, c.Registry, c.Index, c.Lister = slog.New(slog.NewJSONHandler(out, nil)), registry, true, panicking{}
	})
	for range 20 {
		if got := s.get(t, "/"); got.status != 500 {
			t.Errorf("/: status %d; want status 500", got.status)
		}
	}
	if n := counted(t, registry, "vitrine_detail_panics_total"); n != 20 {
		t.Errorf("%v counted", n)
	}
	got := out.String()
	if !strings.Contains(got, `"level":"ERROR"`) || !strings.Contains(got, "a fault") || !strings.Contains(got, "health_test.go") {
		t.Errorf(`%+v; want a body with "level":"ERROR", a body with a fault, a body with health_test.go`, got)
	}
	if n := strings.Count(got, "a fault"); n > 10 {
		t.Errorf("%d lines", n)
	}
}

// TestNoPageIsToldWithALimit proves that an outage writes at most one log line a second, not one for each visitor.
func TestNoPageIsToldWithALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &testlog.Buffer{}
		s := openInBubble(t, func(c *detail.Config) { c.Log = slog.New(slog.NewJSONHandler(out, nil)) })
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		for second := range 3 {
			for i := range 100 {
				if got := s.get(t, fmt.Sprintf("/item/%d.html", i)); got.status != 503 {
					t.Fatalf("status %d; want status 503", got.status)
				}
			}
			if n := strings.Count(out.String(), "no page"); n != second+1 {
				t.Errorf("%d lines for 100 failed pages in each of %d seconds", n, second+1)
			}
			time.Sleep(time.Second)
		}
	})
}
