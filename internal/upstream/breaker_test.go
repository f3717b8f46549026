package upstream_test

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/testlog"
	"vitrine/internal/upstream"
)

func TestBreaker(t *testing.T) {
	var log testlog.Buffer
	c := upstream.New(upstream.Config{Idle: 2 * time.Second, Log: slog.New(slog.NewTextHandler(&log, nil))})
	t.Cleanup(c.Close)
	var calls atomic.Int64
	var status atomic.Int64
	status.Store(500)
	d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(int(status.Load()))
		w.Write([]byte("{}"))
	}), single)
	name := d.From.Name
	if n := c.Capacity(name); n != math.MaxInt {
		t.Fatalf("an upstream that nobody asked takes %d", n)
	}
	for c.Capacity(name) != 0 {
		if calls.Load() > 100 {
			t.Fatal("100 failures open no breaker")
		}
		c.Fetch(t.Context(), d, asks("1"))
	}
	open := calls.Load()
	for range 20 {
		a := c.Fetch(t.Context(), d, asks("1"))[0]
		if !errors.Is(a.Err, item.ErrNotAsked) || !errors.Is(a.Err, item.ErrUnavailable) {
			t.Fatalf("an open breaker answers %v", a.Err)
		}
	}
	if n := calls.Load() - open; n != 0 {
		t.Errorf("%d calls passed an open breaker", n)
	}
	until(t, func() bool { return c.Capacity(name) > 0 })
	if n := c.Capacity(name); n > 10 {
		t.Errorf("an upstream that failed takes %d at once", n)
	}
	for range 20 {
		c.Fetch(t.Context(), d, asks("1"))
	}
	if n := calls.Load() - open; n < 1 || n > 3 {
		t.Errorf("%d probes, want 1 to 3", n)
	}
	status.Store(200)
	until(t, func() bool {
		c.Fetch(t.Context(), d, asks("1"))
		return c.Capacity(name) == math.MaxInt
	})
	if opened, closed := strings.Count(log.String(), "breaker=open was=closed"), strings.Count(log.String(), "breaker=closed was=half-open"); opened != 1 || closed != 1 || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("of an outage the log should say when it begins and ends, and no more:\n%s", log.String())
	}
}

func TestBreakerLeavesRefusalsAlone(t *testing.T) {
	c := client(t)
	d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }), single)
	for range 50 {
		c.Fetch(t.Context(), d, asks("1"))
	}
	if n := c.Capacity(d.From.Name); n != math.MaxInt {
		t.Error("an upstream that refuses is well")
	}
}

func TestLivePartsHaveABreakerOfTheirOwn(t *testing.T) {
	c := client(t)
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" {
			<-r.Context().Done()
			return
		}
		w.Write([]byte("{}"))
	}), single)
	l := &catalog.Live{From: d.From, Get: "/live", Deadline: time.Millisecond}
	for range 40 {
		c.Live(t.Context(), l, "1", nil)
	}
	if _, err := c.Live(t.Context(), l, "1", nil); !errors.Is(err, item.ErrNotAsked) {
		t.Errorf("40 late live parts open no breaker: %v", err)
	}
	if n := c.Capacity(d.From.Name); n != math.MaxInt {
		t.Error("live parts, which are less patient, must not stop the workers")
	}
	if a := c.Fetch(t.Context(), d, asks("1"))[0]; a.Err != nil {
		t.Errorf("the answer fails: %v", a.Err)
	}
}

// until polls until done returns true.
func until(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatal("it never came about")
}
