package poller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/lease"
)

// Note is what the processes of a room know about a poll.
type Note struct {
	Asked    string    `json:"asked"`              // catalog.Poll.Asked, as of the last turn
	Position string    `json:"position,omitempty"` // the JSON of a mark or cursor; "" for a feed's first
	Begun    bool      `json:"begun,omitempty"`    // there is a position
	Anew     time.Time `json:"anew,omitzero"`      // when the upstream refused a position, and the whole list was announced
	Next     time.Time `json:"next,omitzero"`      // when the next turn is due
	Done     time.Time `json:"done,omitzero"`      // when a turn succeeded last
	Failures int       `json:"failures,omitempty"` // in a row
	Error    string    `json:"error,omitempty"`    // of the last failure
	Cost     Cost      `json:"cost"`

	revision uint64
}

// Cost is what a poll has cost since a time.
type Cost struct {
	Since    time.Time `json:"since,omitzero"`
	Requests int       `json:"requests"`
	Items    int       `json:"items"`   // listed
	Changes  int       `json:"changes"` // announced
}

// String says what a poll costs.
func (c Cost) String() string {
	if c.Requests == 0 || c.Items == 0 {
		return fmt.Sprintf("%d requests, and nothing listed yet", c.Requests)
	}
	return fmt.Sprintf("%.1f items a request, of which %.1f%% were announced", float64(c.Items)/float64(c.Requests), 100*float64(c.Changes)/float64(c.Items))
}

// PerHour is how many requests an hour took up to now; 0 for less than a minute.
func (c Cost) PerHour(now time.Time) float64 {
	took := now.Sub(c.Since)
	if took < time.Minute {
		return 0
	}
	return float64(c.Requests) / took.Hours()
}

// costFor is how long costs are added up.
const costFor = 24 * time.Hour

func (c Cost) plus(m Cost, now time.Time) Cost {
	if c.Since.IsZero() || now.Sub(c.Since) > costFor || now.Before(c.Since) {
		c = Cost{Since: now}
	}
	c.Requests += m.Requests
	c.Items += m.Items
	c.Changes += m.Changes
	return c
}

func noteKey(poll string) string { return "poll." + poll }

// ReadNote reads a poll's note. It fails with bus.ErrNoEntry if there is none.
func ReadNote(ctx context.Context, notes lease.Notes, poll string) (n Note, err error) {
	n, n.revision, err = lease.Read[Note](ctx, notes, noteKey(poll))
	if err == nil && n.revision == 0 {
		return n, bus.ErrNoEntry
	}
	return n, err
}

// read reads a poll's note; that of another request says only what was written last.
func (p *Poller) read(ctx context.Context, poll *catalog.Poll) (n Note, err error) {
	n, err = ReadNote(ctx, p.Notes, poll.Name)
	switch {
	case errors.Is(err, bus.ErrNoEntry):
		return Note{Asked: poll.Asked}, nil
	case err != nil:
		return n, fmt.Errorf("read how far the poll has come: %w", err)
	case n.Asked != poll.Asked:
		n = Note{Asked: poll.Asked, revision: n.revision}
	}
	return n, nil
}

// write stores the note. It fails with item.ErrChanged if another process has written it since it was read.
func (p *Poller) write(ctx context.Context, poll *catalog.Poll, n *Note) (err error) {
	n.revision, err = lease.Write(ctx, p.Notes, noteKey(poll.Name), n, n.revision)
	if err != nil {
		return fmt.Errorf("write how far the poll has come: %w", err)
	}
	return nil
}

// lost reports whether another process has taken the turn.
func lost(err error) bool { return errors.Is(err, item.ErrChanged) || errors.Is(err, lease.ErrLost) }
