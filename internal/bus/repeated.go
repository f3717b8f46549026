package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"

	"golang.org/x/sync/errgroup"
)

// repeatedAsks is how many questions of one call are with NATS at a time.
const repeatedAsks = 16

// Repeated reports for each task whether its change was published more than once since a time: CHANGES keeps the newest
// message of a subject, so that a task may stand for several that nobody saw. HISTORY has them all. A change that was published
// again to be retried counts, too.
func (c *Conn) Repeated(ctx context.Context, tasks []Task, since []time.Time) (repeated []bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	repeated = make([]bool, len(tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(repeatedAsks)
	for i, t := range tasks {
		group.Go(redact.Guard(func() (err error) {
			repeated[i], err = c.repeated(ctx, t.Subject, since[i])
			return err
		}))
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return repeated, nil
}

// repeated asks for the first message since a time, and how many there are behind it.
func (c *Conn) repeated(ctx context.Context, subject string, since time.Time) (bool, error) {
	body, err := json.Marshal(struct {
		Since   time.Time `json:"start_time"`
		Subject string    `json:"next_by_subj"`
		Batch   int       `json:"batch"` // which has NATS report what is behind it
	}{since, "history." + strings.TrimPrefix(subject, "change."), 1})
	if err != nil {
		return false, fmt.Errorf("look for %s in %s: %w", subject, History, err)
	}
	m, err := c.nats.RequestWithContext(ctx, apiPrefix+".DIRECT.GET."+History, body)
	if err != nil {
		return false, reached("look for "+subject+" in "+History, err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
	case "404": // HISTORY has missed it
		return false, nil
	default:
		return false, fmt.Errorf("%w: look for %s in %s: NATS says %s %s", item.ErrUnavailable, subject, History, status, m.Header.Get("Description"))
	}
	behind, err := strconv.ParseUint(m.Header.Get("Nats-Num-Pending"), 10, 64)
	if err != nil {
		return false, fmt.Errorf("look for %s in %s: %w", subject, History, err)
	}
	return behind > 0, nil
}
