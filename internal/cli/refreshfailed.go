package cli

import (
	"context"
	"fmt"
	"io"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/refresh"
)

// failuresNamed is how many of what failed refresh --wait names; queue failed lists all.
const failuresNamed = 10

// failures is what a refresh that waits finds not to be right in the end.
type failures struct {
	Failed   int          `json:"failed"`             // changes of what was announced that became dead letters
	Failures []failedLine `json:"failures,omitempty"` // the first of them
	Held     int          `json:"held"`               // deletions that wait to be believed since
}

// refreshed is what refresh --json prints.
type refreshed struct {
	refresh.Done
	failures // with --wait
}

func (f failures) any() bool { return f.Failed+f.Held > 0 }

// asBefore is how things stood when a refresh began.
type asBefore struct {
	lastDead uint64         // the sequence of the newest dead letter
	held     map[string]int // KIND.DIMENSION → deletions that waited
}

func lookBefore(ctx context.Context, conn *bus.Conn) (b asBefore, err error) {
	b.lastDead, err = conn.LastDeadLetter(ctx)
	if err != nil {
		return b, err
	}
	b.held, err = heldNow(ctx, conn)
	return b, err
}

func heldNow(ctx context.Context, conn *bus.Conn) (map[string]int, error) {
	list, err := conn.Deletions().List(ctx)
	held := map[string]int{}
	for _, d := range list {
		held[d.Kind+"."+d.Dimension] = d.Waiting
	}
	return held, err
}

// failed finds what has failed since of the entities that were announced. Of deletions nobody knows whose they are: all
// that came since count.
func (b asBefore) failed(ctx context.Context, conn *bus.Conn, announced func(item.Entity) bool) (f failures, err error) {
	for l, err := range conn.DeadLetters(ctx, "failed.>") {
		if err != nil {
			return f, err
		}
		change, err := item.ParseChange(l.Subject)
		if err != nil {
			change, err = item.ParseSync(l.Subject)
		}
		if err != nil || l.Seq <= b.lastDead || !announced(change.Entity) {
			continue
		}
		f.Failed++
		if f.Failed <= failuresNamed {
			f.Failures = append(f.Failures, failedLine{l.Subject, l.Stage, l.Reason, l.Attempts, l.First, l.Last})
		}
	}
	held, err := heldNow(ctx, conn)
	for of, n := range held {
		f.Held += max(0, n-b.held[of])
	}
	return f, err
}

// print names what failed, and what to do about it.
func (f failures) print(w io.Writer) {
	for _, l := range f.Failures {
		fmt.Fprintf(w, "failed: %.120q after %d attempts: %.300q\n", l.Subject, l.Attempts, l.Reason)
	}
	if more := f.Failed - len(f.Failures); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	if f.Failed > 0 {
		fmt.Fprintf(w, "%d changes are dead letters: see vitrine queue failed, and when their owners answer as they should, vitrine queue retry\n", f.Failed)
	}
	if f.Held > 0 {
		fmt.Fprintf(w, "%d deletions wait, since their owner suddenly says that much is gone: see vitrine queue deletions\n", f.Held)
	}
}

// parkedHint says which of the work that is left waits for an upstream.
func parkedHint(ctx context.Context, conn *bus.Conn) string {
	streams, _, err := conn.Pending(ctx)
	if err != nil {
		return ""
	}
	parked := uint64(0)
	for _, lane := range streams[bus.Parked] {
		parked += lane.Waiting + lane.InFlight
	}
	if parked == 0 {
		return ""
	}
	return fmt.Sprintf("; %d are parked until their upstream answers again, or is less busy: they come by themselves", parked)
}
