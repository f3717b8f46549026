package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

const mostFaultsTold = 5

// describeTemplates tells the others by which templates this process renders pages, and where those fail.
func (n *node) describeTemplates(r *control.Report) {
	if n.folder == nil {
		return
	}
	set := n.folder.Set()
	faults := set.Faults()
	r.Look = &control.Look{Revision: set.Revision(), Broken: n.folder.Broken(), Faults: faults[:min(len(faults), mostFaultsTold)]}
}

// lookNotes are lines for operators about templates that fail.
func (n *node) lookNotes() (notes []string) {
	var r control.Report
	n.describeTemplates(&r)
	if r.Look != nil {
		notes = faultLines(r.Look)
	}
	return notes
}

func faultLines(l *control.Look) (lines []string) {
	if l.Broken != "" {
		lines = append(lines, "the templates as they stand can't be loaded, older ones are in force: "+l.Broken)
	}
	for _, f := range l.Faults {
		lines = append(lines, fmt.Sprintf("templates %s failed %d times at %s:%d, and others rendered those pages: %s", l.Revision, f.Pages, f.File, f.Line, f.Error))
	}
	return lines
}

// nodeLook is a line of template list --json about a process.
type nodeLook struct {
	Node string `json:"node"`
	*control.Look
}

// listLooks prints by which templates the processes render pages.
func listLooks(ctx context.Context, w io.Writer, conn *bus.Conn, asJSON bool) error {
	members, err := control.Members(ctx, conn)
	if err != nil {
		return err
	}
	reports, err := control.Ask(ctx, conn, members, reportTime)
	if err != nil {
		return err
	}
	for _, m := range members {
		look := reports[m.Node].Look
		switch {
		case look == nil:
		case asJSON:
			if err := json.NewEncoder(w).Encode(nodeLook{m.Node, look}); err != nil {
				return err
			}
		default:
			fmt.Fprintf(w, "%s renders by %s\n", m.Node, look.Revision)
			for _, line := range faultLines(look) {
				fmt.Fprintf(w, "  %s\n", line)
			}
		}
	}
	return nil
}
