package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
)

// repeatedAsks is how many questions of one call are with NATS at a time.
const repeatedAsks = 16

// Repeated reports for each task whether its change had been published before, since a time: CHANGES keeps the newest
// message of a subject, so that a task may stand for several that nobody saw. HISTORY has them all. A change that was published
// again to be retried counts, too. One that comes later does not: it has a task of its own. Errors wrap item.ErrUnavailable.
func (c *Conn) Repeated(ctx context.Context, tasks []Task, since []time.Time) (repeated []bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	repeated = make([]bool, len(tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(repeatedAsks)
	for i, t := range tasks {
		group.Go(redact.Guard(func() (err error) {
			repeated[i], err = c.repeated(ctx, t, since[i])
			return err
		}))
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return repeated, nil
}

// repeated asks for the first message since a time. If that is not the task's own, it was published before.
func (c *Conn) repeated(ctx context.Context, t Task, since time.Time) (bool, error) {
	body, err := json.Marshal(struct {
		Since   time.Time `json:"start_time"`
		Subject string    `json:"next_by_subj"`
	}{since, "history." + strings.TrimPrefix(t.Subject, "change.")})
	if err != nil {
		return false, fmt.Errorf("look for %s in %s: %w", t.Subject, History, err)
	}
	m, err := c.nats.RequestWithContext(ctx, apiPrefix+".DIRECT.GET."+History, body)
	if err != nil {
		return false, reached("look for "+t.Subject+" in "+History, err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
	case "404": // HISTORY has missed it
		return false, nil
	default:
		return false, fmt.Errorf("%w: look for %s in %s: NATS says %s %s", item.ErrUnavailable, t.Subject, History, status, m.Header.Get("Description"))
	}
	return !publishedAt(m.Header).Equal(t.Published), nil
}

// publishedAt is when NATS stored in CHANGES what HISTORY has a copy of, or the zero time where that is not said. A copy has the
// headers of its original, and behind them those of itself.
func publishedAt(h nats.Header) time.Time {
	at, err := time.Parse(time.RFC3339Nano, h.Get("Nats-Time-Stamp"))
	if err != nil {
		return time.Time{}
	}
	return at
}
