package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/refresh"
)

type queueReplayCommand struct {
	natsFlags
	Since     string `help:"From this time on: 2h, or 2026-11-21T06:00:00Z." placeholder:"TIME"`
	Until     string `help:"Up to this time; now by default." placeholder:"TIME"`
	Resume    uint64 `help:"In place of --since: continue after the position that an earlier run printed." placeholder:"POSITION"`
	Lane      string `help:"Only changes that came in this lane." enum:",high,normal,refresh" default:""`
	Kind      string `help:"Only this kind." placeholder:"KIND"`
	Dimension string `help:"Only this dimension." placeholder:"NAME"`
	Rate      int    `help:"Changes per second." default:"1000"`
	DryRun    bool   `help:"Only count; do nothing."`
}

// Help is more of vitrine queue replay --help.
func (queueReplayCommand) Help() string {
	return `Examples:
  vitrine queue replay --since 2h
  vitrine queue replay --since 2026-11-21T06:00:00Z --kind sku --dimension price --rate 200
  vitrine queue replay --resume 48211

Each change is published once, however often it came. An interrupted run prints its position.`
}

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
	out, err := refresh.Replay{
		Bus: conn, From: q.Resume, Since: since, Until: until, Lane: item.Lane(q.Lane), Kind: q.Kind, Dimension: q.Dimension,
		Rate: q.Rate, DryRun: q.DryRun, Progress: progressTo(e.stderr),
	}.Run(e.ctx)
	switch {
	case err != nil && out.Position == 0: // there is no position to continue from
		return err
	case err != nil:
		return fmt.Errorf("%w; continue with: vitrine queue replay --resume %d", err, out.Position)
	}
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	_, err = fmt.Fprintf(e.stdout, "published %d changes of %d seen; position %d\n", out.Published, out.Seen, out.Position)
	return err
}

// times parses --since and --until.
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

// moment parses "2h" (ago) or an RFC 3339 time; "" is now.
func moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Parse(time.RFC3339, s)
}
