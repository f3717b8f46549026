package rooms

import (
	"context"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/pause"
)

// session is the time in which a process has the note.
type session struct {
	relay *Relay

	mu   sync.Mutex // guards note
	note Note
}

func (s *session) now() Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.note
}

// heard passes notices on. The position moves after this room's NATS has them.
func (s *session) heard(ctx context.Context, h bus.Heard) error {
	r := s.relay
	if r.deaf {
		r.deaf = false
		r.Log.Info("the other room is heard again", "room", r.Room)
	}
	if err := r.Own.Pass(ctx, h.Notices); err != nil {
		return err
	}
	r.Hears(true)
	r.Passed(len(h.Notices))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note.Heard = h.At
	if !h.Waiting {
		s.note.At = time.Now()
	}
	if h.Missed {
		s.note.Gaps++
		r.Log.Warn("notices of another room were missed: everything is fetched anew", "room", r.Room)
	}
	return nil
}

// renew writes the note at its interval, so that others see that it is held, until ctx ends or another process has it.
func (s *session) renew(ctx context.Context) error {
	for pause.For(ctx, s.relay.Every) == nil {
		if err := s.write(ctx, s.relay.name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// release gives the note back, with what was heard last.
func (s *session) release(ctx context.Context) error { return s.write(ctx, "") }

func (s *session) write(ctx context.Context, holder string) error {
	n := s.now()
	n.Holder = holder
	if err := writeNote(ctx, s.relay.Notes, s.relay.Room, &n); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note.revision = n.revision
	return nil
}
