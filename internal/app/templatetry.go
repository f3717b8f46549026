package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"vitrine/detail"
	"vitrine/templates"
)

// tryFlags say on whose real pages templates are tried before they are put in force.
type tryFlags struct {
	Sample int `help:"Articles whose pages are rendered by the templates: half of those in memory, half spread over the store." default:"2000"`
	adminFlag
	tokenFlags
}

// maxTried bounds what one trial costs a server.
const maxTried = 100_000

// try has a running system render its own pages by packed templates, and prints what came of it.
func (f tryFlags) try(e *env, packed []byte) error {
	if f.Sample < 1 || f.Sample > maxTried {
		return usagef("--sample is 1 to %d", maxTried)
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
	var refusal *adminRefusal
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusServiceUnavailable:
		return true
	}
	return false
}

// tryTemplates answers POST /templates/try?sample=N, whose body is what templates.Pack made.
func (a *admin) tryTemplates(w http.ResponseWriter, r *http.Request) {
	if a.pages == nil || a.node.folder == nil {
		http.Error(w, "this process serves no pages: ask a detail server", http.StatusNotFound)
		return
	}
	n, err := strconv.Atoi(r.URL.Query().Get("sample"))
	if err != nil || n < 1 || n > maxTried {
		answer(w, nil, fmt.Errorf("sample is 1 to %d", maxTried))
		return
	}
	packed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, templates.MaxPacked))
	if err != nil {
		answer(w, nil, fmt.Errorf("read the templates: %w", err))
		return
	}
	set, err := a.node.folder.Candidate(packed)
	if err != nil {
		answer(w, nil, err)
		return
	}
	t, err := a.pages.Try(r.Context(), a.node.blobs, set, n)
	answer(w, t, err)
}
