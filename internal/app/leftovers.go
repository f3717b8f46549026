package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"text/tabwriter"

	"vitrine/internal/audit"
	"vitrine/internal/item"
)

type catalogLeftovers struct {
	Admin string `help:"The admin listener of vitrine up, or of a worker." default:"127.0.0.1:8081" placeholder:"ADDR"`
	JSON  bool   `name:"json" help:"Print one JSON object a line."`
}

// Help is more of vitrine catalog leftovers --help.
func (catalogLeftovers) Help() string {
	return `It looks at every entity for records and blobs under names that the catalog in force does not know. They are not served,
cost memory, and are there again should the catalog be rolled back.`
}

// Run is vitrine catalog leftovers.
func (c *catalogLeftovers) Run(e *env) error {
	var found []audit.Leftover
	if err := askAdmin(e.ctx, c.Admin, "/leftovers", &found); err != nil {
		return err
	}
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
	fmt.Fprintln(w, "KIND\tWHAT\tNAME\tENTITIES")
	for _, l := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", l.Kind, l.What, l.Name, l.Count)
	}
	return w.Flush()
}

// leftovers answers /leftovers.
func (a *admin) leftovers(w http.ResponseWriter, r *http.Request) {
	if a.node.catalog.Catalog() == nil || a.node.records == nil {
		answer(w, nil, fmt.Errorf("%w: no catalog, or no store of records, here", item.ErrUnavailable))
		return
	}
	found, err := audit.New(a.node.auditConfig()).Leftovers(r.Context())
	answer(w, found, err)
}
