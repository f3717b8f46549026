package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

type queueShowCommand struct {
	Entity string `arg:"" help:"KIND:ID." placeholder:"KIND:ID"`
	natsFlags
}

// Run is vitrine queue show.
func (q *queueShowCommand) Run(e *env) error {
	kind, id, _ := strings.Cut(q.Entity, ":")
	entity, err := item.NewEntity(kind, id)
	if err != nil {
		return usageError{err}
	}
	conn, err := q.dial(e, "queue show")
	if err != nil {
		return err
	}
	defer conn.Close()
	found, err := conn.Find(e.ctx, entity)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b bus.Queued) int { return a.Since.Compare(b.Since) })
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(struct {
			Entity string       `json:"entity"`
			Queued []bus.Queued `json:"queued"`
		}{entity.String(), append([]bus.Queued{}, found...)})
	}
	if len(found) == 0 {
		_, err := fmt.Fprintf(e.stdout, "nothing is queued about %s\n", entity)
		return err
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "STREAM\tSUBJECT\tSTATE\tSINCE\tDUE\tREASON")
	for _, m := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Stream, m.Subject, m.State, m.Since.Format(time.DateTime), m.Due, redact.Shown(m.Reason))
	}
	return w.Flush()
}

// printQueued says in sentences what is queued about an entity, the oldest first.
func printQueued(w io.Writer, found []bus.Queued) {
	slices.SortFunc(found, func(a, b bus.Queued) int { return a.Since.Compare(b.Since) })
	for _, m := range found {
		what := m.Dimension
		if m.State == bus.Folds {
			what = "blobs"
		}
		fmt.Fprintf(w, "\n%s: %s since %s", what, saidState(m), m.Since.Format(time.DateTime))
		if m.Reason != "" {
			fmt.Fprintf(w, "\n  %s", redact.Shown(m.Reason))
		}
	}
	if len(found) > 0 {
		fmt.Fprintln(w)
	}
}

// placeIn names the upstream, and its pool, that a subject of PARKED is below.
func placeIn(subject string) string {
	_, rest, _ := strings.Cut(subject, ".")
	place, _, _ := strings.Cut(rest, ".")
	name, pool, ok := strings.Cut(place, "-")
	if !ok {
		return "its upstream " + name
	}
	return "the pool " + pool + " of its upstream " + name
}

// saidState is a state in words that say who has to do what.
func saidState(m bus.Queued) string {
	switch m.State {
	case bus.Parks:
		return "parked until " + placeIn(m.Subject) + " takes calls again,"
	case bus.Refused:
		return fmt.Sprintf("answers refused (%d in a row), and asked for again,", m.Attempts)
	case bus.Unanswered:
		return fmt.Sprintf("no answer, or \"not now\" (%d in a row), and asked for again,", m.Attempts)
	case bus.Older:
		return "answers older than the record, and asked for again,"
	case bus.Dead:
		return fmt.Sprintf("a dead letter after %d attempts: mend the cause, then vitrine queue retry;", m.Attempts)
	case bus.HeldBack:
		return "a deletion that is not believed yet: see vitrine queue deletions;"
	}
	return string(m.State)
}
