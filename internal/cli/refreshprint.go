package cli

import (
	"context"
	"fmt"
	"io"

	"vitrine/internal/bus"
	"vitrine/internal/refresh"
)

// refreshed is the output of refresh --json.
type refreshed struct {
	refresh.Done
	Failed   int          `json:"failed"` // with --wait: announced changes that became dead letters
	Failures []failedLine `json:"failures,omitempty"`
	Held     int          `json:"held"`
}

func newRefreshed(done refresh.Done, o refresh.Outcome) refreshed {
	r := refreshed{Done: done, Failed: o.Failed, Held: o.Held}
	for _, l := range o.Failures {
		r.Failures = append(r.Failures, newFailedLine(l))
	}
	return r
}

// printFailures lists the failures, and what to do about them.
func printFailures(w io.Writer, o refresh.Outcome) {
	for _, l := range o.Failures {
		fmt.Fprintf(w, "failed: %.120q after %d attempts: %.300q\n", l.Subject, l.Attempts, l.Reason)
	}
	if more := o.Failed - len(o.Failures); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	if o.Failed > 0 {
		fmt.Fprintf(w, "%d changes are dead letters: see vitrine queue failed, and once their upstreams answer correctly, vitrine queue retry\n", o.Failed)
	}
	if o.Held > 0 {
		fmt.Fprintf(w, "%d deletions are held, since their upstream suddenly says that much is gone: see vitrine queue deletions\n", o.Held)
	}
}

// parkedHint says how much of the remaining work waits for an upstream.
func parkedHint(ctx context.Context, conn *bus.Conn) string {
	parked, err := refresh.ParkedNow(ctx, conn)
	if err != nil || parked == 0 {
		return ""
	}
	return fmt.Sprintf("; %d are parked until their upstream answers again, or is less busy: they come by themselves", parked)
}
