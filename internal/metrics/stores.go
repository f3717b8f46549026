package metrics

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/redact"
)

// Stores exports which stores answer, some seconds old.
type Stores struct {
	up *prometheus.GaugeVec // store

	mu   sync.Mutex // guards asks
	asks map[string]func(context.Context) error
}

// NewStores registers the metrics.
func NewStores(r prometheus.Registerer) *Stores {
	s := &Stores{asks: map[string]func(context.Context) error{}}
	s.up = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "redis_up", Help: "1 while all of a Redis answers: that of records, of blobs, or a replica of blobs."}, []string{"store"})
	r.MustRegister(s.up)
	return s
}

// Add includes a store from now on. Its name is a label.
func (s *Stores) Add(name string, ask func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks[name] = ask
}

// Run asks all stores in parallel until ctx ends, so that a hung one does not delay the others.
func (s *Stores) Run(ctx context.Context) error {
	each(ctx, func(ctx context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var asked sync.WaitGroup
		for name, ask := range s.asks {
			asked.Go(func() {
				defer redact.Crash()
				s.up.WithLabelValues(name).Set(number(ask(ctx) == nil))
			})
		}
		asked.Wait()
	})
	return nil
}
