package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// mirrorBeat is how often a mirror is looked at.
const mirrorBeat = time.Second

// Mirror tells how old a server's own file may be.
type Mirror struct {
	current func() bool

	mu   sync.Mutex // guards last
	last time.Time  // when the mirror was known to hold everything
}

// NewMirror adds its metrics to a process's. current reports whether the mirror holds all that is announced at this moment.
func NewMirror(r prometheus.Registerer, current func() bool) *Mirror {
	m := &Mirror{current: current, last: time.Now()}
	r.MustRegister(gauge("mirror_age_seconds", "Time since this server's own file held all that was announced, 0 while it does; since the start where it has not yet.", func() float64 { return m.age(time.Now()).Seconds() }))
	return m
}

func (m *Mirror) age(now time.Time) time.Duration {
	current := m.current()
	m.mu.Lock()
	defer m.mu.Unlock()
	if current {
		m.last = now
	}
	return now.Sub(m.last)
}

// Run looks until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	tick := time.NewTicker(mirrorBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			m.age(now)
		}
	}
}
