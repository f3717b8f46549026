package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"vitrine/internal/leftovers"
	"vitrine/internal/node"
)

type catalogLeftovers struct {
	natsFlag
	adminFlag
	tokenFlags
	JSON    bool          `name:"json" help:"Print one JSON object per line."`
	Remove  bool          `help:"List the leftovers, and have the workers remove them now."`
	Timeout time.Duration `help:"Give up waiting after this time." default:"30m"`
}

// Help is more of vitrine catalog leftovers --help.
func (catalogLeftovers) Help() string {
	return `It looks for records and blobs of every entity, and for lists of the relation index, under names that the catalog in force does not
have. They are not served and cost memory. If the catalog is rolled back they are needed again, so workers remove them only when a
name has been in no catalog for 24 hours, by the history of the catalog.

Examples:
  vitrine catalog leftovers
  vitrine catalog leftovers --remove      # after a rollback all of it would have to be fetched again`
}

// Run is vitrine catalog leftovers.
func (c *catalogLeftovers) Run(e *env) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, c.Timeout)
	defer cancel()
	var found node.FoundLeftovers
	if err := orderAdmin(ctx, c.Admin, token, "/leftovers", &found); err != nil {
		return err
	}
	if err := c.print(e, found.Leftovers); err != nil || !c.Remove || len(found.Leftovers) == 0 {
		return err
	}
	fmt.Fprintf(e.stderr, "The workers are asked to remove all of this. If a catalog that needs it comes into force again, all of it is fetched again from its upstreams.\n")
	conn, err := c.dial(e, "catalog leftovers")
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := leftovers.RequestRemoval(ctx, conn.Bucket(node.MarksBucket), found.Revision)
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
