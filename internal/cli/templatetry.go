package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"vitrine/detail"
	"vitrine/internal/node"
)

// tryFlags say on whose real pages templates are tried before they are put in force.
type tryFlags struct {
	Sample int `help:"Articles whose pages are rendered by the templates: half of those in memory, half spread over the store." default:"2000"`
	adminFlag
	tokenFlags
}

// try has a running system render its own pages by packed templates, and prints what came of it.
func (f tryFlags) try(e *env, packed []byte) error {
	if f.Sample < 1 || f.Sample > node.MaxTried {
		return usagef("--sample is 1 to %d", node.MaxTried)
	}
	var t detail.Trial
	token, err := f.token()
	if err == nil {
		err = callAdmin(e.ctx, http.MethodPost, f.Admin, "/templates/try?sample="+strconv.Itoa(f.Sample), token, bytes.NewReader(packed), &t)
		if err != nil && !cannotAsk(err) {
			return fmt.Errorf("try the templates on real pages: %w", err)
		}
	}
	switch {
	case err != nil:
		fmt.Fprintf(e.stdout, "only sample data was tried, no page of a running system: %v\n", err)
	case t.OK():
		fmt.Fprintf(e.stdout, "%d pages of the system at %s were rendered\n", t.Pages, f.Admin)
	default:
		printTrial(e.stderr, t)
		return errReported
	}
	return nil
}

func printTrial(w io.Writer, t detail.Trial) {
	for _, line := range t.Missing {
		fmt.Fprintln(w, line)
	}
	for _, p := range t.Failed {
		fmt.Fprintf(w, "%s (%s): %s:%d: %s\n", p.Entity, p.Path, p.File, p.Line, p.Error)
	}
	fmt.Fprintf(w, "refused: %d of %d pages tried can't be rendered, %d names of templates are missing\n", len(t.Failed), t.Pages, len(t.Missing))
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
