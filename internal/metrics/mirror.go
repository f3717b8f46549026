package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// mirrorBeat is the interval of checks of a mirror.
const mirrorBeat = time.Second

// Mirror measures the age of a server's own file.
type Mirror struct {
	current func() bool

	mu   sync.Mutex // guards last
	last time.Time  // when the mirror was last known to be complete
}

// NewMirror registers the metrics. current reports whether the mirror now holds all that was announced.
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

// Run checks the mirror until ctx ends.
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
