package cli

import (
	"fmt"
	"time"

	"vitrine/internal/control"
	"vitrine/internal/redact"
)

// waitFlag is for values that are pushed as a whole.
type waitFlag struct {
	Wait time.Duration `help:"For the processes that are there to have it in force." default:"10s"`
}

func (f waitFlag) check() error {
	if f.Wait <= 0 {
		return usagef("--wait must be positive")
	}
	return nil
}

// printSpread prints the result of a push: in which processes it is in force, and why not in the others. Absent
// processes are named on stderr: they don't make a push fail.
func printSpread(e *env, what string, s control.Spread) {
	standing := "in force"
	if !s.Everywhere() {
		standing = "pushed, but NOT in force everywhere,"
	}
	w := e.stdout
	fmt.Fprintf(w, "%s %s as revision %d\n", what, standing, s.Revision)
	for _, h := range s.Holders {
		switch {
		case h.State == control.InForce && h.Why == "":
			fmt.Fprintf(w, "  %-50s %6.1f ms  in force\n", h.Node, h.MS)
		case h.State == control.InForce:
			fmt.Fprintf(w, "  %-50s %6.1f ms  in force, but not kept for a restart: %s\n", h.Node, h.MS, redact.Shown(h.Why))
		case h.State == control.Refused:
			fmt.Fprintf(w, "  %-50s NOT TAKEN  it goes on with what it had: %s\n", h.Node, redact.Shown(h.Why))
		case h.State == control.Silent:
			fmt.Fprintf(w, "  %-50s MISSING    %s\n", h.Node, redact.Shown(h.Why))
		default:
			fmt.Fprintf(e.stderr, "  %-50s ABSENT     %s; it takes what was pushed when it comes back (one that will not: vitrine switch forget)\n", h.Node, redact.Shown(h.Why))
		}
	}
	if s.Unsure != "" {
		fmt.Fprintf(e.stderr, "  %s\n", s.Unsure)
	}
	if len(s.Holders) == 0 {
		fmt.Fprintln(w, "  no process is there; it is in force for those that start")
	}
	printRooms(w, s.Rooms)
}
