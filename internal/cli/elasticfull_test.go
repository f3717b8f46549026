package cli_test

import (
	"context"
	"sync"
	"testing"
	"time"
)

// elasticInFull measures. Two servers are held to half of what they can do, then to all of it.
func elasticInFull(t *testing.T, nats, redis string, paths []string) {
	rate := *elasticRate
	e := startElastic(t, 4, nats, redis, paths)
	for i := range 6 {
		e.fill(min(rate, float64(i+1)*rate/6))
	}
	// Blobs that memory took in at the same time reach their time to live together, so the share of pages from memory goes up and down. All of
	// such a wave counts, before and after.
	before := e.during("before", rate, wave)
	e.scale("EVERY=1", "DOWN_AFTER=10", "DRAIN=3", "PATIENCE=60") // not before: to fill memory is work, too, and would have brought a third
	doubled := time.Now()
	var wait sync.WaitGroup
	for _, s := range e.servers[2:] {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
			defer cancel()
			if at, err := s.joins(ctx); err == nil {
				t.Logf("%s has visitors %.1f s after they have doubled", s.name, at.Sub(doubled).Seconds())
			} else if s == e.servers[2] {
				t.Error(err)
			}
		})
	}
	after := e.during("doubled", 2*rate, wave)
	wait.Wait()
	most := e.windows[len(e.windows)-1].Servers
	fewer := e.during("fewer", rate, wave)
	t.Log(e.table())
	for what, now := range map[string]hits{"doubled": after, "fewer": fewer} {
		t.Logf("%s: %.1f%% from memory, %.1f%% in the worst five seconds; before %.1f%% and %.1f%%", what, now.mean, now.worst, before.mean, before.worst)
		if now.mean < before.mean-5 || now.worst < before.worst-5 {
			t.Errorf("%s: the share of pages from memory fell by more than 5 points", what)
		}
	}
	if last := e.windows[len(e.windows)-1].Servers; last >= most {
		t.Errorf("%d servers have visitors in the end, %d while they had doubled", last, most)
	}
}

// wave is how many windows of five seconds blobs take from one time that they reach their time to live to the next, or more.
const wave = 16

// hits are the share of pages that came from memory, in percent, over some windows.
type hits struct{ mean, worst float64 }

// during has visitors come for some windows of five seconds.
func (e *elastic) during(what string, rate float64, windows int) hits {
	h := hits{worst: 100}
	for range windows {
		one := e.visit(what, rate, 5*time.Second).Hits
		h.mean += one / float64(windows)
		h.worst = min(h.worst, one)
	}
	return h
}

// fill has visitors come for five seconds while the servers are new. They copy everything into their files meanwhile, with a small share of a
// processor, so that a page may fail.
func (e *elastic) fill(rate float64) {
	w, _, err := e.ask("(memory fills)", rate, 5*time.Second)
	if err != nil {
		e.t.Error(err)
	}
	e.windows = append(e.windows, w)
}
