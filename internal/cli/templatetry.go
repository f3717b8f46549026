package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/node"
	"vitrine/internal/redact"
	"vitrine/templates"
)

// tryFlags say on whose real pages templates are tried before they are put in force.
type tryFlags struct {
	Sample int `help:"Number of articles whose pages are rendered with the templates: half of them the most requested, half spread over the store." default:"2000"`
	adminFlag
	tokenFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// forceFlag is for who knows better than a trial.
type forceFlag struct {
	Force bool `help:"Put the templates in force even if pages fail. Such pages are rendered by the previous templates, or by the theme."`
}

// tried is what came of templates, and what template check, push and rollback print with --json.
type tried struct {
	OK         bool          `json:"ok"`
	Bytes      int           `json:"bytes,omitempty"`       // packed
	Trial      *detail.Trial `json:"trial,omitempty"`       // on pages of a running system
	NotTried   string        `json:"not_tried,omitempty"`   // why no page was: only sample data was tried
	Untried    bool          `json:"untried,omitempty"`     // which is why they are refused: there are servers that render pages
	Forced     bool          `json:"forced,omitempty"`      // put in force though the trial failed
	Revision   uint64        `json:"revision,omitempty"`    // that they are in force as
	RolledBack uint64        `json:"rolled_back,omitempty"` // the revision that they had before

	Processes []control.Holder      `json:"processes,omitempty"` // that render pages, and whether they have them in force
	Unsure    string                `json:"unsure,omitempty"`    // why further processes may lack them
	Rooms     []control.RoomOutcome `json:"rooms,omitempty"`     // the other rooms of the shop
	Error     string                `json:"error,omitempty"`

	Uncalled    []string `json:"uncalled,omitempty"`     // FILE: what no page calls; not of a rollback
	NotCompiled []string `json:"not_compiled,omitempty"` // FILE:LINE: what only html/template can execute
}

// spread is what came of the push to all servers.
func (t tried) spread() control.Spread {
	return control.Spread{Revision: t.Revision, Holders: t.Processes, Unsure: t.Unsure, Rooms: t.Rooms}
}

// pushed notes what a push came to.
func (t *tried) pushed(s control.Spread, err error) error {
	t.Revision, t.Processes, t.Unsure = s.Revision, s.Holders, s.Unsure
	return err
}

// failed reports whether the exit code says so: the trial's failure was not overruled, or a process lacks what was pushed.
func (t tried) failed() bool {
	return t.Error != "" || !t.OK && !t.Forced || !t.spread().Everywhere()
}

// try has a running system render its own pages by packed templates, and prints what came of it unless JSON is wanted.
func (f tryFlags) try(e *env, packed []byte) (t tried, err error) {
	if f.Sample < 1 || f.Sample > node.MaxTried {
		return t, usagef("--sample is 1 to %d", node.MaxTried)
	}
	t.Bytes = len(packed)
	token, err := f.token()
	if err == nil {
		var trial detail.Trial
		progress := progressTo(e.stderr)
		trial, err = node.TryTemplates(e.ctx, f.Admin, token, packed, f.Sample, func(p detail.Progress) { progress(describe(p)) })
		progress("")
		if err != nil && !cannotAsk(err) {
			return t, fmt.Errorf("try the templates on real pages: %w", err)
		}
		if err == nil {
			t.Trial, t.OK, t.NotTried = &trial, trial.OK(), trial.Blind()
		}
	}
	if err != nil {
		t.OK, t.NotTried = true, err.Error()
	}
	if !f.JSON {
		t.print(e, f.Admin)
	}
	return t, nil
}

func describe(p detail.Progress) string {
	if p.Of == 0 {
		return fmt.Sprintf("choosing pages: %d of what is stored looked through", p.Listed)
	}
	return fmt.Sprintf("%d of %d articles tried", p.Tried, p.Of)
}

func (t tried) print(e *env, admin string) {
	switch {
	case t.NotTried != "" && t.OK:
		fmt.Fprintf(e.stdout, "only sample data was tried, no page of a running system: %s\n", t.NotTried)
	case t.OK:
		fmt.Fprintf(e.stdout, "%d pages of the system at %s were rendered\n", t.Trial.Pages, admin)
		if t.Trial.Unlisted != "" {
			fmt.Fprintf(e.stdout, "only those that visitors want most: %s\n", redact.Shown(t.Trial.Unlisted))
		}
	default:
		printTrial(e.stderr, *t.Trial)
	}
}

// uncalled notes the templates that show nothing, and says so unless JSON is wanted.
func (t *tried) uncalled(e *env, set *templates.Set, quiet bool) {
	t.Uncalled = set.Uncalled()
	for _, name := range t.Uncalled {
		if !quiet {
			fmt.Fprintf(e.stderr, "%s: nothing calls it: give it the name of a template of the theme, call it from one, or make it a page of its own, from <!doctype html> on\n", redact.Shown(name))
		}
	}
}

func printTrial(w io.Writer, t detail.Trial) {
	for _, line := range t.Missing {
		fmt.Fprintln(w, redact.Shown(line))
	}
	for _, p := range t.Failed {
		fmt.Fprintf(w, "%s (%s): %s:%d: %s\n", p.Entity, p.Path, redact.Shown(p.File), p.Line, redact.Shown(p.Error))
	}
	fmt.Fprintf(w, "%d of %d pages tried can't be rendered, %d names of templates are missing\n", len(t.Failed), t.Pages, len(t.Missing))
}

// require has templates that were tried on no page refused, where a server is known that renders some.
func (t *tried) require(e *env, conn *bus.Conn) error {
	if t.NotTried == "" {
		return nil
	}
	serving, err := control.PagesRendered(e.ctx, conn)
	if serving {
		t.OK, t.Untried = false, true
	}
	return err
}

// allow reports whether templates may be put in force, and says so where that is against the trial.
func (f forceFlag) allow(e *env, t *tried) bool {
	switch {
	case t.OK:
		return true
	case !f.Force && t.Untried:
		fmt.Fprintln(e.stderr, "refused: servers render pages, and none of them could be tried; nothing was put in force (--force does it all the same)")
		return false
	case !f.Force:
		fmt.Fprintln(e.stderr, "refused: nothing was put in force (--force does it all the same)")
		return false
	}
	t.Forced = true
	fmt.Fprintln(e.stderr, "WARNING: put in force all the same, by --force: pages that fail are rendered by the templates before, or by the theme; vitrine template list says where")
	return true
}

// finish prints what came of a command for --json, and gives its exit code.
func (f tryFlags) finish(e *env, t tried, err error) error {
	if usage := (usageError{}); !f.JSON || errors.As(err, &usage) {
		if err == nil && t.failed() {
			return errReported
		}
		return err
	}
	if err != nil {
		t.OK, t.Error = false, redact.Shown(err.Error())
	}
	if err := json.NewEncoder(e.stdout).Encode(t); err != nil {
		return err
	}
	if t.failed() {
		return errReported
	}
	return nil
}

// cannotAsk reports whether there is nobody at the address who tries templates, or who does it for us.
func cannotAsk(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var refusal *node.Refusal
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusServiceUnavailable:
		return true
	}
	return false
}
