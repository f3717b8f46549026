package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

type queueDeletionsCommand struct {
	Of      string        `arg:"" optional:"" help:"KIND.DIMENSION; required with --release and --discard." placeholder:"KIND.DIMENSION"`
	Release bool          `help:"Release them: the entities are fetched again, and those that are gone are deleted." xor:"do"`
	Discard bool          `help:"Discard them: pages stay as they are. Further deletions are held." xor:"do"`
	For     time.Duration `help:"With --release: hold no further deletions for this long." default:"1h"`
	natsFlags
}

// Help is more of vitrine queue deletions --help.
func (queueDeletionsCommand) Help() string {
	return `An upstream that suddenly says 404 for much of what it had is not believed: its deletions are held, and pages stay. Once it
answers as before, what is held is fetched again by itself. If the shop really removed all of that, release it.

Examples:
  vitrine queue deletions
  vitrine queue deletions sku.product --release
  vitrine queue deletions sku.product --discard`
}

// heldLine is a line of queue deletions --json.
type heldLine struct {
	Kind      string    `json:"kind"`
	Dimension string    `json:"dimension"`
	Since     time.Time `json:"since,omitzero"`
	Waiting   int       `json:"waiting"`
	Control   []string  `json:"control"` // ids that are gone as well, although nobody announced that
}

// Run is vitrine queue deletions.
func (q *queueDeletionsCommand) Run(e *env) error {
	kind, dimension, ok := strings.Cut(q.Of, ".")
	if q.Of != "" && (!ok || item.CheckName(kind) != nil || item.CheckName(dimension) != nil) {
		return usagef("%q is not KIND.DIMENSION", q.Of)
	}
	if q.Of == "" && (q.Release || q.Discard) {
		return usagef("say of which dimension: vitrine queue deletions KIND.DIMENSION --release")
	}
	conn, err := q.dial(e, "queue deletions")
	if err != nil {
		return err
	}
	defer conn.Close()
	held := conn.Deletions()
	switch {
	case q.Release:
		ahead, err := conn.MeasureClock(e.ctx) // workers compare the time with NATS's
		if err != nil {
			return err
		}
		n, err := held.Release(e.ctx, kind, dimension, time.Now().Add(ahead+q.For).UTC())
		return q.done(e, "released", n, err)
	case q.Discard:
		n, err := held.Discard(e.ctx, kind, dimension)
		return q.done(e, "discarded", n, err)
	}
	return q.list(e, held)
}

func (q *queueDeletionsCommand) done(e *env, what string, n int, err error) error {
	if err != nil {
		return err
	}
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(map[string]int{what: n})
	}
	_, err = fmt.Fprintf(e.stdout, "%s %d deletions of %s\n", what, n, q.Of)
	return err
}

func (q *queueDeletionsCommand) list(e *env, deletions *bus.Deletions) error {
	list, err := deletions.List(e.ctx)
	if err != nil {
		return err
	}
	w, out, n := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0), json.NewEncoder(e.stdout), 0
	for _, h := range list {
		if q.Of != "" && q.Of != h.Kind+"."+h.Dimension {
			continue
		}
		n++
		if q.JSON {
			if err := out.Encode(heldLine{h.Kind, h.Dimension, h.Since, h.Waiting, h.Controls}); err != nil {
				return err
			}
			continue
		}
		if n == 1 {
			fmt.Fprintln(w, "DIMENSION\tWAITING\tSINCE\tALSO GONE, NOT ANNOUNCED")
		}
		fmt.Fprintf(w, "%s.%s\t%d\t%s\t%.80q\n", h.Kind, h.Dimension, h.Waiting, h.Since.Local().Format(time.DateTime), h.Controls)
	}
	if n == 0 && !q.JSON {
		_, err := fmt.Fprintln(e.stdout, "no deletions are held")
		return err
	}
	return w.Flush()
}
