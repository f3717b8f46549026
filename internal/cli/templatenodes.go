package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

// nodeTemplates is a line of template list --json about a process.
type nodeTemplates struct {
	Node string `json:"node"`
	*control.Rendering
}

// listNodeTemplates prints by which templates the processes render pages.
func listNodeTemplates(ctx context.Context, w io.Writer, conn *bus.Conn, asJSON bool) error {
	members, err := control.Members(ctx, conn)
	if err != nil {
		return err
	}
	reports, err := control.Ask(ctx, conn, members, reportTime)
	if err != nil {
		return err
	}
	for _, m := range members {
		report, _ := reports.Of(m.Identity)
		look := report.Rendering
		switch {
		case look == nil:
		case asJSON:
			if err := json.NewEncoder(w).Encode(nodeTemplates{m.Node, look}); err != nil {
				return err
			}
		default:
			fmt.Fprintf(w, "%s renders by %s\n", m.Node, look.Revision)
			for _, line := range look.Notes() {
				fmt.Fprintf(w, "  %s\n", line)
			}
		}
	}
	return nil
}
