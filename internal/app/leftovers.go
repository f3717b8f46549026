package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/leftovers"
)

type catalogLeftovers struct {
	natsFlag
	adminFlag
	tokenFlags
	JSON    bool          `name:"json" help:"Print one JSON object a line."`
	Remove  bool          `help:"Say what goes, and remove it now."`
	Timeout time.Duration `help:"Give up waiting after this time." default:"30m"`
}

// Help is more of vitrine catalog leftovers --help.
func (catalogLeftovers) Help() string {
	return `It looks at every entity for records and blobs, and at the relation index for lists, under names that the catalog in force does not
have. They are not served and cost memory. Should the catalog be rolled back they are there again, so workers remove them when a
name has been in no catalog for 24 hours, as the history of the catalog tells.

Examples:
  vitrine catalog leftovers
  vitrine catalog leftovers --remove      # after a rollback all of it is asked for anew`
}

// foundLeftovers is what /leftovers answers.
type foundLeftovers struct {
	Revision  uint64               `json:"revision"` // of the catalog in force
	Leftovers []leftovers.Leftover `json:"leftovers"`
}

// Run is vitrine catalog leftovers.
func (c *catalogLeftovers) Run(e *env) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, c.Timeout)
	defer cancel()
	var found foundLeftovers
	if err := orderAdmin(ctx, c.Admin, token, "/leftovers", &found); err != nil {
		return err
	}
	if err := c.print(e, found.Leftovers); err != nil || !c.Remove || len(found.Leftovers) == 0 {
		return err
	}
	fmt.Fprintf(e.stderr, "All of this is removed now. Should a catalog that needs it come into force again, its upstreams are asked for all of it anew.\n")
	conn, err := c.dial(e, "catalog leftovers")
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := leftovers.Ask(ctx, conn.Bucket(marksBucket), found.Revision)
	if err != nil {
		return err
	}
	removed := answer.Removed
	fmt.Fprintf(e.stderr, "removed %d records, %d blobs, %d keys of lists\n", removed[leftovers.Record], removed[leftovers.Blob], removed[leftovers.List])
	if answer.Error != "" {
		return fmt.Errorf("not all was removed: %s", answer.Error)
	}
	return nil
}

func (c *catalogLeftovers) print(e *env, found []leftovers.Leftover) error {
	if c.JSON {
		out := json.NewEncoder(e.stdout)
		for _, l := range found {
			if err := out.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(e.stdout, "nothing is left over from earlier catalogs")
		return err
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tWHAT\tNAME\tHOW MANY\tGOES")
	for _, l := range found {
		name := l.Name.Name
		if l.Of != "" {
			name += " of " + l.Of
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", l.Kind, l.What, name, l.Count, l.Goes.Local().Format(time.DateTime))
	}
	return w.Flush()
}

// leftovers answers /leftovers.
func (a *admin) leftovers(w http.ResponseWriter, r *http.Request) {
	if a.node.catalog.Catalog() == nil || a.node.records == nil {
		answer(w, nil, fmt.Errorf("%w: no catalog, or no store of records, here", item.ErrUnavailable))
		return
	}
	found, head, err := a.node.leftovers().Found(r.Context())
	answer(w, foundLeftovers{head, found}, err)
}

// leftovers is the agent that removes what earlier catalogs left behind.
func (n *node) leftovers() *leftovers.Agent {
	return leftovers.New(leftovers.Config{
		Eras: n.catalog.Eras, Agreed: n.agreement.Agreed, Settled: n.catalogSettled, Records: n.records, Blobs: n.blobs, Bus: n.bus,
		Marks: n.bus.Bucket(marksBucket), Log: n.log,
		Told: func(what string, removed int) { n.audits.leftovers.WithLabelValues(what).Add(float64(removed)) },
	})
}

// catalogSettled reports whether all is built for the catalog in force: it was swept for, and what that announced is done.
func (n *node) catalogSettled(ctx context.Context) (bool, error) {
	swept, err := audit.SweptFor(ctx, n.bus.Bucket(marksBucket), n.agreement.Shapes())
	if err != nil || !swept {
		return false, err
	}
	pending, _, err := n.bus.Pending(ctx)
	if err != nil {
		return false, err
	}
	for _, stream := range []string{bus.Changes, bus.Syncs} {
		if lane := pending[stream][item.Refresh]; lane.Waiting+lane.InFlight > 0 {
			return false, nil
		}
	}
	return true, nil
}

func newLeftoversCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vitrine_leftovers_removed_total", Help: "What earlier catalogs left behind and was removed: record, blob, or list (its keys).",
	}, []string{"what"})
}
