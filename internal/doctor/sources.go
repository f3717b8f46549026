package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/node"
	"vitrine/internal/notify"
	"vitrine/internal/poller"
)

// checkSources says of each source of notifications when it was heard from last, and of each poll how it goes and what it
// costs.
func (x *checkRun) checkSources(ctx context.Context, conn *bus.Conn, cat *catalog.Catalog) {
	if conn == nil {
		return
	}
	notes := conn.Bucket(node.MarksBucket)
	for _, name := range slices.Sorted(maps.Keys(cat.Sources)) {
		x.checkSource(ctx, notes, cat.Sources[name])
	}
	for _, name := range slices.Sorted(maps.Keys(cat.Polls)) {
		x.checkPoll(ctx, notes, cat.Polls[name])
	}
}

func (x *checkRun) checkSource(ctx context.Context, notes *bus.Bucket, s *catalog.Source) {
	e, err := notes.Get(ctx, notify.HeardKey(s.Name))
	at, unreadable := time.Parse(time.RFC3339, string(e.Value))
	where := "POST /notify/" + s.Name + " at the address of --notify"
	if s.Subject != "" {
		where = "the subject " + s.Subject
	}
	switch {
	case errors.Is(err, bus.ErrNoEntry), err == nil && unreadable != nil:
		x.warn("notify", fmt.Sprintf("source %s was never heard from: does it send to %s, and with the right secret? vitrine_notify_requests_total counts what was denied", s.Name, where))
	case err != nil:
		x.report("notify", "", fmt.Errorf("source %s: %w", s.Name, err))
	default:
		x.report("notify", fmt.Sprintf("source %s was heard from %s ago", s.Name, ago(at)), nil)
	}
}

func (x *checkRun) checkPoll(ctx context.Context, notes *bus.Bucket, p *catalog.Poll) {
	n, err := poller.ReadNote(ctx, notes, p.Name)
	switch {
	case errors.Is(err, bus.ErrNoEntry), err == nil && n.Asked != p.Asked:
		x.warn("poll", fmt.Sprintf("poll %s was never asked for as the catalog has it: does a heterog, or up, run?", p.Name))
	case err != nil:
		x.report("poll", "", fmt.Errorf("poll %s: %w", p.Name, err))
	case n.Failures > 0:
		last := "it never succeeded"
		if !n.Done.IsZero() {
			last = "it succeeded last " + ago(n.Done) + " ago"
		}
		x.report("poll", "", fmt.Errorf("poll %s failed %d times in a row, and %s: %s", p.Name, n.Failures, last, n.Error))
	case n.Done.IsZero():
		x.warn("poll", fmt.Sprintf("poll %s has not come to an end yet", p.Name))
	default:
		x.report("poll", fmt.Sprintf("poll %s succeeded %s ago; %s", p.Name, ago(n.Done), cost(n.Cost)), nil)
	}
}

// cost says what a poll costs.
func cost(c poller.Cost) string {
	perHour := c.PerHour(time.Now())
	if perHour == 0 {
		return c.String()
	}
	return fmt.Sprintf("%.0f requests an hour, %s", perHour, c)
}

func ago(at time.Time) string { return time.Since(at).Round(time.Second).String() }
