package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/switches"
)

// askTime is how long to wait for processes that are asked because their acknowledgement did not come.
const askTime = time.Second

// Push is something that is pushed, and awaited until all processes have it.
type Push struct {
	Conn     *bus.Conn
	Bucket   string
	Expected []Member
	Wait     time.Duration
	// Patient reports whether a process's answer is awaited. Defaults to all that are expected.
	Patient func(Member) bool
	// Final means that no process tries again, so an answer with an error is its last. Defaults to waiting for a better
	// one.
	Final bool
	// Do pushes.
	Do func(context.Context) (key string, revision uint64, err error)
	// Recall makes an acknowledgement of a report whose process has applied the revision: messages may be lost. Defaults
	// to the process's last acknowledgement for the bucket, if that is of the same key.
	Recall func(r Report, revision uint64) (Ack, bool)
}

// TimedAck is an Ack, and the milliseconds until it arrived.
type TimedAck struct {
	Ack
	MS float64 `json:"ms"`
}

// Missing is a process that has not answered, and the reason as far as it is known.
type Missing struct {
	Node    string `json:"node"`
	Present bool   `json:"present"`
	Why     string `json:"why"`
}

// Outcome is the result of a push.
type Outcome struct {
	Key      string
	Revision uint64
	Acks     []TimedAck // by time
	Missing  []Missing  // by name
}

// Run pushes, and waits until all awaited processes have answered without an error, or the time is over. If a process
// answers again after another try, its last answer counts.
func (p Push) Run(ctx context.Context) (out Outcome, err error) {
	began := time.Now()
	acks := make(chan TimedAck, 4096)
	stop, err := p.Conn.Subscribe(ctx, appliedHead+p.Bucket+".*", func(_ string, body []byte) {
		var a Ack
		if json.Unmarshal(body, &a) != nil {
			return
		}
		select {
		case acks <- TimedAck{Ack: a, MS: since(began)}:
		default: // asked for later
		}
	})
	if err != nil {
		return out, err
	}
	defer stop()
	pushed := since(began)
	out.Key, out.Revision, err = p.Do(ctx)
	if err != nil {
		return out, err
	}
	answers := p.collect(ctx, out, acks)
	if len(answers) < len(p.Expected) {
		p.askAll(ctx, out, answers, began)
	}
	shown := namesOf(p.Expected)
	for _, m := range p.Expected {
		a, ok := answers[m.Qualified()]
		if !ok || m.Duplicate != nil { // one answer can't stand for two processes
			out.Missing = append(out.Missing, Missing{shown[m.Qualified()], m.Present, p.why(m)})
			continue
		}
		a.MS -= pushed
		a.Node = shown[m.Qualified()]
		out.Acks = append(out.Acks, a)
	}
	slices.SortStableFunc(out.Acks, func(a, b TimedAck) int { return cmp.Compare(a.MS, b.MS) })
	return out, nil
}

// collect receives acknowledgements until all are good, or the time is over.
func (p Push) collect(ctx context.Context, out Outcome, acks <-chan TimedAck) map[string]TimedAck {
	answers, expected, waiting := map[string]TimedAck{}, map[string]bool{}, map[string]bool{}
	for _, m := range p.Expected {
		expected[m.Qualified()] = true
		if p.Patient == nil || p.Patient(m) {
			waiting[m.Qualified()] = true
		}
	}
	patience := time.NewTimer(p.Wait)
	defer patience.Stop()
	for len(waiting) > 0 {
		select {
		case a := <-acks:
			if !expected[a.who()] || a.Bucket != p.Bucket || a.Key != out.Key || a.Revision < out.Revision {
				continue
			}
			answers[a.who()] = a
			if a.Error == "" || p.Final {
				delete(waiting, a.who())
			}
		case <-patience.C:
			return answers
		case <-ctx.Done():
			return answers
		}
	}
	return answers
}

// askAll asks once for missing acknowledgements, since a message may have been lost.
func (p Push) askAll(ctx context.Context, out Outcome, answers map[string]TimedAck, began time.Time) {
	recall := p.Recall
	if recall == nil {
		recall = func(r Report, revision uint64) (Ack, bool) {
			a := r.Applied[p.Bucket]
			return a, a.Key == out.Key && a.Revision >= revision
		}
	}
	silent := slices.DeleteFunc(slices.Clone(p.Expected), func(m Member) bool { _, ok := answers[m.Qualified()]; return ok })
	reports, err := Ask(ctx, p.Conn, silent, askTime)
	if err != nil {
		return // they stay missing
	}
	for _, m := range silent {
		r, ok := reports.Of(m.Identity)
		if !ok {
			continue
		}
		if a, ok := recall(r, out.Revision); ok {
			a.Node = m.Node
			answers[m.Qualified()] = TimedAck{Ack: a, MS: since(began)}
		}
	}
}

func (p Push) why(m Member) string {
	if notes := m.Notes(); m.Present && len(notes) > 0 {
		return strings.Join(notes, "; ")
	}
	if m.Present && p.Bucket != SwitchBucket {
		return "it is there, and has not reported: it is busy, or of a version that does not report"
	}
	if m.Present && m.Role == "front" {
		return fmt.Sprintf("it is there, at revision %d of the switches; nginx may not have reloaded yet: see vitrine switch nodes, or set it again with a longer --wait", m.Revision)
	}
	if m.Present {
		return fmt.Sprintf("it is there, at revision %d of the switches, and has not answered", m.Revision)
	}
	now, _ := p.Conn.Now()
	return fmt.Sprintf("cut off or gone without good-bye: last heard of %s ago", max(0, now.Sub(m.Seen)).Round(time.Second))
}

// who is the process that has answered, by its qualified name.
func (a Ack) who() string { return switches.Identity{Node: a.Node, ID: a.ID}.Qualified() }

func since(t time.Time) float64 { return float64(time.Since(t).Microseconds()) / 1000 }
