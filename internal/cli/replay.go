package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

type queueReplayCommand struct {
	natsFlags
	Since     string `help:"From this time on: 2h, or 2026-11-21T06:00:00Z." placeholder:"TIME"`
	Until     string `help:"Up to this time; now by default." placeholder:"TIME"`
	Resume    uint64 `help:"In place of --since: go on behind the position that an earlier run told." placeholder:"POSITION"`
	Lane      string `help:"Only what came in this lane." enum:",high,normal,refresh" default:""`
	Kind      string `help:"Only this kind." placeholder:"KIND"`
	Dimension string `help:"Only this dimension." placeholder:"NAME"`
	Rate      int    `help:"Changes a second." default:"1000"`
	DryRun    bool   `help:"Say how many, and do nothing."`
}

// Help is more of vitrine queue replay --help.
func (queueReplayCommand) Help() string {
	return `Examples:
  vitrine queue replay --since 2h
  vitrine queue replay --since 2026-11-21T06:00:00Z --kind sku --dimension price --rate 200
  vitrine queue replay --resume 48211

Each change is published once, however often it came. An interrupted run tells its position.`
}

// replayed is what queue replay --json prints.
type replayed struct {
	Seen      int    `json:"seen"`
	Published int    `json:"published"`
	Position  uint64 `json:"position"`
	DryRun    bool   `json:"dry_run"`
}

// replayBatch is how many changes are published in one go.
const replayBatch = 200

// Run is vitrine queue replay.
func (q *queueReplayCommand) Run(e *env) error {
	since, until, err := q.times(time.Now())
	if err != nil {
		return err
	}
	conn, err := q.dial(e, "queue replay")
	if err != nil {
		return err
	}
	defer conn.Close()
	total, past, err := conn.Past(e.ctx, q.Resume, since)
	if err != nil {
		return err
	}
	out, progress := replayed{Position: q.Resume, DryRun: q.DryRun}, progressTo(e.stderr)
	var batch []item.Change
	published := map[item.Change]bool{}
	began := time.Now()
	flush := func(position uint64) error {
		if len(batch) > 0 && !q.DryRun {
			if err := conn.PublishChanges(e.ctx, batch, bus.PublishOptions{}); err != nil {
				return err
			}
			due := began.Add(time.Duration(out.Published+len(batch)) * time.Second / time.Duration(q.Rate))
			select {
			case <-time.After(time.Until(due)):
			case <-e.ctx.Done():
				return e.ctx.Err()
			}
		}
		out.Published += len(batch)
		out.Position = position
		batch = batch[:0]
		progress(fmt.Sprintf("%d of %d seen, %d published", out.Seen, total, out.Published))
		return nil
	}
	last := out.Position
	for r, failed := range past {
		err = failed
		if err != nil || r.At.After(until) {
			break
		}
		out.Seen++
		last = r.Position
		c := r.Change
		if q.Lane != "" && string(c.Lane) != q.Lane || q.Kind != "" && c.Entity.Kind != q.Kind || q.Dimension != "" && c.Dimension != q.Dimension {
			continue
		}
		c.Lane = item.Refresh
		if published[c] {
			continue
		}
		published[c] = true
		batch = append(batch, c)
		if len(batch) == replayBatch {
			err = flush(r.Position)
			if err != nil {
				break
			}
		}
	}
	if err == nil {
		err = flush(last)
	}
	progress("")
	if err != nil {
		return fmt.Errorf("%w; go on with: vitrine queue replay --resume %d", err, out.Position)
	}
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	_, err = fmt.Fprintf(e.stdout, "published %d changes of %d seen; position %d\n", out.Published, out.Seen, out.Position)
	return err
}

func (q *queueReplayCommand) times(now time.Time) (since, until time.Time, err error) {
	if (q.Since == "") == (q.Resume == 0) {
		return since, until, usagef("say from when: --since or --resume")
	}
	if q.Rate < 1 {
		return since, until, usagef("--rate must be positive")
	}
	since, err = moment(q.Since, now)
	if err != nil {
		return since, until, usagef("--since %q is neither a duration nor an RFC 3339 time", q.Since)
	}
	until, err = moment(q.Until, now)
	if err != nil {
		return since, until, usagef("--until %q is neither a duration nor an RFC 3339 time", q.Until)
	}
	return since, until, nil
}

// moment reads "2h" (ago) or an RFC 3339 time; "" is now.
func moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Parse(time.RFC3339, s)
}
