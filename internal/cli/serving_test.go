package cli_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/load"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// visitors requests the articles' pages in an open loop, and fails the test for any status but 200. The short form
// has few requests in flight, so that a busy machine does not reach the bounds of an overloaded server.
func (r *running) visitors(t *testing.T, what string, ids []string, period time.Duration) load.Result {
	t.Helper()
	var paths []string
	for _, id := range ids {
		paths = append(paths, "/item/"+url.PathEscape(id)+".html")
	}
	next, err := load.New("zipf", paths, 1.05, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := load.Run(t.Context(), load.Config{Addr: strings.TrimPrefix(r.Pages, "http://"), Next: next, Rate: long.Pick(50., 300.), For: period, Connections: long.Pick(2, 32), Encoding: "gzip"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Failed > 0 || got.Status[200] != got.Sent {
		t.Errorf("%s: of %d requests, %v, no answer to %d: %v", what, got.Sent, got.Status, got.Failed, got.Errors)
	}
	t.Logf("%-24s p50 %.2f p99 %.2f ms, from %v", what, got.Latency.P50, got.Latency.P99, got.Source)
	return got
}

// mirrored waits until a detail server's own file is complete.
func (r *running) mirrored() {
	eventually(r.t, func() string {
		if _, _, metrics := fetch(r.t, r.Admin+"/metrics"); !strings.Contains(string(metrics), "\nvitrine_mirror_behind 0\n") {
			return "the server's own file is not complete"
		}
		return ""
	})
}

// TestServingThroughFaults kills, hangs and flushes Redis while visitors request pages. No request may fail.
func TestServingThroughFaults(t *testing.T) {
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, long.Pick(40, 300))
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	d := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "detail"))
	d.converged(s)
	d.mirrored()
	short := long.Pick(300*time.Millisecond, time.Second)
	under := func(what string, fault func()) {
		d.visitors(t, "before: "+what, s.IDs(), short)
		d.flip(0, "read.local", "off") // memory would answer for minutes
		d.visitors(t, "memory off", s.IDs(), short)
		fault()
		d.visitors(t, what+", at first", s.IDs(), short)
		d.visitors(t, what+", after", s.IDs(), 2*short)
		d.flip(0, "read.local", "on")
	}
	under("killed", r.Stop)
	r.Start()
	v.converged(s)
	under("hung", r.Pause)
	r.Resume()
	d.visitors(t, "resumed", s.IDs(), short)
	under("flushed", r.Flush)
}

// TestBlobsStoreKilled proves that with records and blobs in two stores, pages are folded from records while the
// blobs' store is gone.
func TestBlobsStoreKilled(t *testing.T) {
	records, blobs := redistest.Single(t), redistest.Single(t)
	s := newShop(t)
	fill(s, 60)
	dir := t.TempDir()
	nats, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Shutdown)
	stores := []string{"--records", records.URL, "--blobs", blobs.URL}
	role(t, "heterog", nats.URL(), filepath.Join(dir, "heterog"), stores...)
	role(t, "syncer", nats.URL(), filepath.Join(dir, "syncer"), stores...)
	d := role(t, "detail", nats.URL(), filepath.Join(dir, "detail"), append(stores, "--http", "127.0.0.1:0", "--disk", "reads")...)
	for _, args := range [][]string{{"catalog", "push", catalogFor(t, shopCatalog, s.URL)}, {"refresh", "--kind", "sku", "--all"}} {
		if code, out, errs := vitrine(t, append(args, "--nats", nats.URL())...); code != 0 {
			t.Fatal(args, code, out, errs)
		}
	}
	d.converged(s)
	d.flip(0, "read.local", "off")
	blobs.Stop()
	eventually(t, func() string {
		got := d.visitors(t, "the blobs store is killed", s.IDs(), long.Pick(500*time.Millisecond, 2*time.Second))
		if got.Source["records"] == 0 || long.Full() && got.Source["records"] != got.Status[200] { // a busy machine may notice the loss late
			return fmt.Sprint("from ", got.Source)
		}
		return ""
	})
}

// TestFlippingLosesNothing sets switches back and forth while visitors request pages. No request may fail.
func TestFlippingLosesNothing(t *testing.T) {
	r := redistest.Single(t)
	s, v := filledShop(t, 50, "--redis", r.URL)
	v.converged(s)
	v.mirrored()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.visitors(t, "switches being moved", s.IDs(), long.Pick(time.Second, 3*time.Second))
	}()
	flips := 0
	for going := true; going; {
		for _, name := range []string{"read.local", "read.redis", "read.bolt", "live.offer", "back.to.source"} {
			v.flip(0, name, "off")
			v.flip(0, name, "on")
			flips += 2
		}
		select {
		case <-ended:
			going = false
		default:
		}
	}
	t.Logf("%d flips", flips)
}
