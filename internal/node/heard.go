package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/notify"
)

// heard notes in NATS when sources of notifications were heard from, for doctor.
type heard struct {
	ctx   context.Context
	notes *bus.Bucket
	log   *slog.Logger

	mu   sync.Mutex // guards last
	last map[string]time.Time
}

// heardEvery is the shortest time between two notes of a source by one process; heardWithin is how long one may take.
const (
	heardEvery  = time.Minute
	heardWithin = time.Second
)

func newHeard(ctx context.Context, notes *bus.Bucket, log *slog.Logger) *heard {
	return &heard{ctx: ctx, notes: notes, log: log, last: map[string]time.Time{}}
}

// note notes that a source was just heard from.
func (h *heard) note(source string) {
	now := time.Now()
	h.mu.Lock()
	due := now.Sub(h.last[source]) >= heardEvery
	if due {
		h.last[source] = now
	}
	h.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, heardWithin)
	defer cancel()
	if _, err := h.notes.Put(ctx, notify.HeardKey(source), []byte(now.UTC().Format(time.RFC3339))); err != nil {
		h.log.Debug("not noted that a source was heard from", "source", source, "error", err)
	}
}
