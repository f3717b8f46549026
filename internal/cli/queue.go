package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

type queueCommand struct {
	Stats  queueStatsCommand  `cmd:"" help:"Count what is waiting and what is in work."`
	Failed queueFailedCommand `cmd:"" help:"List dead letters."`
	Retry  queueRetryCommand  `cmd:"" help:"Publish dead letters' changes again."`
	Drop   queueDropCommand   `cmd:"" help:"Remove dead letters."`
	Show   queueShowCommand   `cmd:"" help:"Show what is queued about one entity."`
	Replay queueReplayCommand `cmd:"" help:"Publish past changes again, in the refresh lane."`

	Deletions queueDeletionsCommand `cmd:"" help:"List the deletions that are held because their upstream says that much is gone; release or discard them."`
}

// natsFlags are the address of a running system, and the output format.
type natsFlags struct {
	natsFlag
	JSON bool `name:"json" help:"Print JSON."`
}

type queueStatsCommand struct{ natsFlags }

// queueStats is the output of queue stats --json.
type queueStats struct {
	Streams map[string]map[item.Lane]bus.Lane `json:"streams"`
	Failed  uint64                            `json:"failed"`
	Held    uint64                            `json:"held"` // held deletions: see queue deletions
}

// Run is vitrine queue stats.
func (q *queueStatsCommand) Run(e *env) error {
	conn, err := q.dial(e, "queue stats")
	if err != nil {
		return err
	}
	defer conn.Close()
	var out queueStats
	out.Streams, out.Failed, err = conn.Pending(e.ctx)
	if err != nil {
		return err
	}
	out.Held, err = conn.Deletions().Count(e.ctx)
	if err != nil {
		return err
	}
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "STREAM\tLANE\tWAITING\tIN FLIGHT")
	for _, stream := range []string{bus.Changes, bus.Parked, bus.Syncs} {
		for _, lane := range item.Lanes() {
			n := out.Streams[stream][lane]
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", stream, lane, n.Waiting, n.InFlight)
		}
	}
	fmt.Fprintf(w, "%s\t\t%d\t\n", bus.Failed, out.Failed)
	if out.Held > 0 {
		fmt.Fprintf(w, "%s\t\t%d\tsee vitrine queue deletions\n", bus.Held, out.Held)
	}
	return w.Flush()
}

type queueFailedCommand struct {
	natsFlags
	deadLetterFilter
	Limit int `help:"Greatest number of lines." default:"1000"`
}

// failedLine is a line of queue failed --json.
type failedLine struct {
	Subject  string    `json:"subject"`
	Stage    string    `json:"stage"`
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

func newFailedLine(l bus.StoredDeadLetter) failedLine {
	return failedLine{l.Subject, l.Stage, l.Reason, l.Attempts, l.First, l.Last}
}

var errEnough = errors.New("enough")

// Run is vitrine queue failed.
func (q *queueFailedCommand) Run(e *env) error {
	conn, err := q.dial(e, "queue failed")
	if err != nil {
		return err
	}
	defer conn.Close()
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	n, out := 0, json.NewEncoder(e.stdout)
	err = q.each(e.ctx, conn, func(l bus.StoredDeadLetter) error {
		if n == q.Limit {
			fmt.Fprintf(e.stderr, "there are more than %d: see --limit\n", n)
			return errEnough
		}
		n++
		if q.JSON {
			return out.Encode(newFailedLine(l))
		}
		if n == 1 {
			fmt.Fprintln(w, "SUBJECT\tSTAGE\tATTEMPTS\tLAST\tREASON")
		}
		_, err := fmt.Fprintf(w, "%.120q\t%s\t%d\t%s\t%.200q\n", l.Subject, l.Stage, l.Attempts, l.Last.Format(time.DateTime), l.Reason)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return w.Flush()
}

// deadLetterWork is common to retry and drop.
type deadLetterWork struct {
	natsFlags
	deadLetterFilter
	All    bool `help:"All dead letters."`
	DryRun bool `help:"Only count; do nothing."`
}

// worked is the output of queue retry --json and queue drop --json.
type worked struct {
	Done    int  `json:"done"`
	Skipped int  `json:"skipped"` // those whose subjects can't be read
	DryRun  bool `json:"dry_run"`
}

func (q *deadLetterWork) run(e *env, verb string, do func(context.Context, *bus.Conn, bus.StoredDeadLetter) error) error {
	if q.empty() && !q.All {
		return usagef("say which: --stage, --kind, --dimension, --id, --reason, --since, or --all")
	}
	conn, err := q.dial(e, "queue "+verb)
	if err != nil {
		return err
	}
	defer conn.Close()
	out, progress := worked{DryRun: q.DryRun}, progressTo(e.stderr)
	err = q.each(e.ctx, conn, func(l bus.StoredDeadLetter) error {
		if !q.DryRun {
			err := do(e.ctx, conn, l)
			if errors.Is(err, item.ErrSubject) {
				out.Skipped++
				return nil
			}
			if err != nil {
				return err
			}
		}
		out.Done++
		progress(fmt.Sprintf("%s: %d", verb, out.Done))
		return nil
	})
	progress("")
	if err != nil {
		return err
	}
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	_, err = fmt.Fprintf(e.stdout, "%s %d dead letters; skipped %d that name no change\n", verb, out.Done, out.Skipped)
	return err
}

type queueRetryCommand struct{ deadLetterWork }

// Help is more of vitrine queue retry --help.
func (queueRetryCommand) Help() string {
	return `Examples:
  vitrine queue retry --kind sku --dimension price
  vitrine queue retry --reason "connection refused" --dry-run`
}

// Run is vitrine queue retry.
func (q *queueRetryCommand) Run(e *env) error {
	return q.run(e, "retry", func(ctx context.Context, conn *bus.Conn, l bus.StoredDeadLetter) error { return conn.Retry(ctx, l) })
}

type queueDropCommand struct{ deadLetterWork }

// Run is vitrine queue drop.
func (q *queueDropCommand) Run(e *env) error {
	return q.run(e, "drop", func(ctx context.Context, conn *bus.Conn, l bus.StoredDeadLetter) error { return conn.Drop(ctx, l) })
}
