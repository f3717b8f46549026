package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/upstream"
)

const (
	calls = "vitrine_upstream_calls_total"
	took  = "vitrine_upstream_call_duration_seconds"
	state = "vitrine_upstream_breaker_state"
)

// upstreams is a catalog with upstreams of the given names.
func upstreams(names ...string) *catalog.Catalog {
	c := &catalog.Catalog{Upstreams: map[string]*catalog.Upstream{}}
	for _, name := range names {
		c.Upstreams[name] = &catalog.Upstream{Name: name}
	}
	return c
}

// numbered returns n names in order.
func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("u%04d", i))
	}
	return names
}

// TestNamesOfUpstreamsAreBounded proves that at most 200 upstreams are exported by name, however many a pushed
// catalog has, and that all others share one name.
func TestNamesOfUpstreamsAreBounded(t *testing.T) {
	const named, more = 200, 150
	names := numbered(named + more)
	r := prometheus.NewRegistry()
	u := metrics.NewUpstreams(r, func() (all []upstream.BreakerState) {
		for _, name := range names {
			all = append(all, upstream.BreakerState{Upstream: name, Use: upstream.UseFetch, State: "closed"})
		}
		return all
	})
	u.Declare(upstreams(names...))
	for _, name := range names {
		u.Observe(upstream.Call{Upstream: name, Use: upstream.UseFetch, Status: 200, Took: time.Millisecond})
	}
	want := append([]string{"(other)"}, names[:named]...)
	for _, metric := range []string{calls, took} {
		if diff := cmp.Diff(want, labelled(t, r, metric, "upstream")); diff != "" {
			t.Errorf("the labels of %s differ: %s", metric, diff)
		}
	}
	if diff := cmp.Diff(names[:named], labelled(t, r, state, "upstream")); diff != "" {
		t.Errorf("the labels of %s differ: %s", state, diff)
	}
	if n := values(t, r, calls)["ok, , (other), fetch"]; n != more {
		t.Errorf("%v calls of all others, want %d", n, more)
	}
}

// TestUpstreamsOfEarlierCatalogsAreForgotten proves that only the names of the last catalog are exported, however
// many were pushed.
func TestUpstreamsOfEarlierCatalogsAreForgotten(t *testing.T) {
	r := prometheus.NewRegistry()
	u := metrics.NewUpstreams(r, func() []upstream.BreakerState { return nil })
	for i := range 50 {
		name := fmt.Sprintf("pushed%d", i)
		u.Declare(upstreams("stays", name))
		u.Observe(upstream.Call{Upstream: name, Use: upstream.UseFetch, Status: 200})
		u.Observe(upstream.Call{Upstream: "stays", Use: upstream.UseFetch, Status: 200})
		u.Observe(upstream.Call{Upstream: "never declared", Use: upstream.UseFetch, Status: 200})
	}
	for _, metric := range []string{calls, took} {
		if diff := cmp.Diff([]string{"(other)", "pushed49", "stays"}, labelled(t, r, metric, "upstream")); diff != "" {
			t.Errorf("the labels of %s differ: %s", metric, diff)
		}
	}
	if n := values(t, r, calls)["ok, , stays, fetch"]; n != 50 {
		t.Errorf("the count of what stays is %v, want 50", n)
	}
}

func TestCallsAreCountedByOutcome(t *testing.T) {
	r := prometheus.NewRegistry()
	u := metrics.NewUpstreams(r, func() []upstream.BreakerState {
		return []upstream.BreakerState{{Upstream: "shop", Pool: "quick", Use: upstream.UseList, State: "open"}, {Upstream: "gone", Use: upstream.UseList, State: "open"}}
	})
	u.Declare(upstreams("shop"))
	for _, c := range []upstream.Call{
		{Use: upstream.UseFetch, Status: 200, Took: 2 * time.Second},
		{Use: upstream.UseFetch, Status: 304},
		{Use: upstream.UseFetch, Status: 404},
		{Use: upstream.UseFetch, Status: 503},
		{Use: upstream.UseLive, Err: item.ErrUnavailable},
		{Use: upstream.UseLive, Pool: "quick", Status: 200, Err: item.ErrRefused},
	} {
		c.Upstream = "shop"
		u.Observe(c)
	}
	want := map[string]float64{
		"ok, , shop, fetch": 1, "unchanged, , shop, fetch": 1, "gone, , shop, fetch": 1, "unwell, , shop, fetch": 1, "silent, , shop, live": 1, "refused, quick, shop, live": 1,
	}
	if diff := cmp.Diff(want, values(t, r, calls)); diff != "" {
		t.Error(diff)
	}
	h := series(t, r, took)[", shop, fetch"].GetHistogram()
	if h.GetSampleCount() != 4 || h.GetSampleSum() != 2 {
		t.Errorf("%v calls took %v s, want 4 and 2", h.GetSampleCount(), h.GetSampleSum())
	}
	if diff := cmp.Diff(map[string]float64{"quick, closed, shop, list": 0, "quick, half-open, shop, list": 0, "quick, open, shop, list": 1}, values(t, r, state)); diff != "" {
		t.Error(diff)
	}
}
