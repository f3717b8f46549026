package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"vitrine/detail"
	"vitrine/templates"
)

// MaxTried limits the pages of one trial.
const MaxTried = 100_000

// tryEvery is the interval of a trial's progress reports.
const tryEvery = 200 * time.Millisecond

// tryLine is a line of the answer of /templates/try: any number of progress reports, and then the trial or the reason
// why there is none.
type tryLine struct {
	Progress *detail.Progress `json:"progress,omitempty"`
	Trial    *detail.Trial    `json:"trial,omitempty"`
	Error    string           `json:"error,omitempty"`
}

// tryTemplates answers POST /templates/try?sample=N. The body is what templates.PackFolder made.
func (a *admin) tryTemplates(w http.ResponseWriter, r *http.Request) {
	if a.pages == nil || a.node.templates == nil {
		http.Error(w, "this process serves no pages: ask a detail server", http.StatusNotFound)
		return
	}
	n, err := strconv.Atoi(r.URL.Query().Get("sample"))
	if err != nil || n < 1 || n > MaxTried {
		writeJSON(w, nil, fmt.Errorf("sample is 1 to %d", MaxTried))
		return
	}
	packed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, templates.MaxPacked))
	if err != nil {
		writeJSON(w, nil, fmt.Errorf("read the templates: %w", err))
		return
	}
	set, err := a.node.templates.Candidate(packed)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	said := time.Now()
	t, err := a.pages.Try(r.Context(), a.node.blobs, set, n, func(p detail.Progress) {
		if time.Since(said) < tryEvery {
			return
		}
		said = time.Now()
		_ = lines.Encode(tryLine{Progress: &p}) // if the client has left, the context ends
		_ = http.NewResponseController(w).Flush()
	})
	last := tryLine{Trial: &t}
	if err != nil {
		last = tryLine{Error: err.Error()}
	}
	_ = lines.Encode(last)
}

// TryTemplates has the process whose admin listener is at addr render n of its pages with packed templates. It calls
// progress with each report of the process.
func TryTemplates(ctx context.Context, addr, token string, packed []byte, n int, progress func(detail.Progress)) (t detail.Trial, err error) {
	url := AdminBase(addr) + "/templates/try?sample=" + strconv.Itoa(n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(packed))
	if err != nil {
		return t, fmt.Errorf("--admin %s: %w", addr, err)
	}
	body, err := send(req, addr, token)
	if err != nil {
		return t, err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var line tryLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return t, fmt.Errorf("%s ended the trial before it was done: %w", addr, err)
		case line.Error != "":
			return t, errors.New(line.Error)
		case line.Trial != nil:
			return *line.Trial, nil
		case line.Progress != nil:
			progress(*line.Progress)
		}
	}
}
