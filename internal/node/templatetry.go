package node

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"vitrine/templates"
)

// MaxTried bounds what one trial costs a server.
const MaxTried = 100_000

// tryTemplates answers POST /templates/try?sample=N, whose body is what templates.PackFolder made.
func (a *admin) tryTemplates(w http.ResponseWriter, r *http.Request) {
	if a.pages == nil || a.node.folder == nil {
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
	set, err := a.node.folder.Candidate(packed)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	t, err := a.pages.Try(r.Context(), a.node.blobs, set, n)
	writeJSON(w, t, err)
}
