package detail

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

const (
	announcesPerSecond = 50 // a server
	announceEvery      = time.Minute
	announceWithin     = 2 * time.Second
)

// Announcer has an entity copied into the store, by a change of all its dimensions in the lane high. It may be called from many
// goroutines.
type Announcer interface {
	Announce(ctx context.Context, e item.Entity) error
}

// announcer bounds what readers announce: so many entities a second, and each once a minute.
type announcer struct {
	to    Announcer
	limit *rate.Limiter
	wait  sync.WaitGroup

	mu     sync.Mutex // guards all below
	recent map[item.Entity]time.Time
	closed bool
}

func newAnnouncer(to Announcer) *announcer {
	return &announcer{to: to, limit: rate.NewLimiter(announcesPerSecond, announcesPerSecond), recent: map[item.Entity]time.Time{}}
}

// want announces an entity in the background, unless it was announced within the minute or too many were within the second.
// failed is called with the error of an announcement.
func (a *announcer) want(ctx context.Context, e item.Entity, failed func(error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.to == nil || a.closed || now.Sub(a.recent[e]) < announceEvery || !a.limit.AllowN(now, 1) {
		return
	}
	if len(a.recent) > 2*announcesPerSecond*int(announceEvery/time.Second) {
		for old, at := range a.recent {
			if now.Sub(at) >= announceEvery {
				delete(a.recent, old)
			}
		}
	}
	a.recent[e] = now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceWithin)
	a.wait.Go(func() {
		defer redact.Crash()
		defer cancel()
		if err := a.to.Announce(ctx, e); err != nil {
			failed(err)
		}
	})
}

func (a *announcer) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.wait.Wait()
}
