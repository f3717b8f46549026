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
	JSON    bool          `name:"json" help:"Print one JSON object a line."`
	Remove  bool          `help:"Say what is left over, and ask the workers to remove it now."`
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
	fmt.Fprintf(e.stderr, "The workers are asked to remove all of this. Should a catalog that needs it come into force again, its upstreams are asked for all of it anew.\n")
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
