package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"vitrine/detail"
	"vitrine/internal/node"
	"vitrine/switches"
)

type explainCommand struct {
	What  string `arg:"" name:"entity|url" help:"KIND:ID, or the path or URL of a page."`
	Admin string `help:"The admin listener of a process that serves pages." default:"127.0.0.1:8081" placeholder:"ADDR"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

func (explainCommand) Help() string {
	return `Examples:
  vitrine explain sku:100012
  vitrine explain http://127.0.0.1:8080/item/100012.html --json`
}

// Run is vitrine explain.
func (c *explainCommand) Run(e *env) error {
	var raw json.RawMessage
	if err := askAdmin(e.ctx, c.Admin, "/explain?what="+url.QueryEscape(c.What), &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err := fmt.Fprintf(e.stdout, "%s\n", raw)
		return err
	}
	var x node.Explained
	if err := json.Unmarshal(raw, &x); err != nil {
		return fmt.Errorf("read the explanation: %w", err)
	}
	if x.Page == "" {
		fmt.Fprintf(e.stdout, "%s  has no page of its own\n\n", x.Entity)
	} else {
		fmt.Fprintf(e.stdout, "%s  %s  status %d %s\n\n", x.Entity, x.Path, x.Status, x.Rule)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PART\tROLE\tTIER\tLIFE\tAGE\tGEN\tUPSTREAM\tVERSION\tEVENT\tBYTES\tNOTE")
	for _, p := range x.Parts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n", p.Part, p.Role, tierOf(p), p.Life,
			(time.Duration(p.AgeMS) * time.Millisecond).Round(time.Second), p.Gen, p.Upstream, p.Version, clock(p.Event), p.Bytes, note(p))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, v := range x.Switches {
		by := v.By
		if by == nil {
			by = &switches.Setting{}
		}
		fmt.Fprintf(e.stdout, "\nswitch %s is %s  (%s, by %s)  %s", v.Name, v.Value, by.Scope, by.Author, by.Reason)
	}
	if len(x.Switches) > 0 {
		fmt.Fprintln(e.stdout)
	}
	printQueued(e.stdout, x.Queued)
	if x.Unasked != "" {
		fmt.Fprintf(e.stdout, "\nthe queues were not looked at: %s\n", x.Unasked)
	}
	return nil
}

// tierOf names the tier, and for a part in memory the tier it came from.
func tierOf(a detail.Account) string {
	if a.Origin == "" || a.Origin == a.Tier {
		return a.Tier
	}
	return a.Tier + " (" + a.Origin + ")"
}

func note(a detail.Account) string {
	var notes []string
	if a.Stale {
		notes = append(notes, "stale")
	}
	if len(a.Claims) > 0 {
		notes = append(notes, "claimed by "+strings.Join(a.Claims, " "))
	}
	if a.Error != "" {
		notes = append(notes, a.Error)
	}
	return strings.Join(notes, ", ")
}

func clock(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
