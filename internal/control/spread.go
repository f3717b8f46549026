package control

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/pause"
)

// askPause is the pause between two requests for who has a value that was pushed before.
const askPause = 200 * time.Millisecond

// The results of a push in one process.
const (
	InForce = "in force"
	Refused = "refused" // the process can't load it, and continues with what it had
	Silent  = "missing" // it is present, and has not answered
	Absent  = "absent"  // it is not present: cut off, or ended without notice; it applies what was pushed when it comes back
)

// Holder is a process that should have a pushed catalog, or pushed templates, in force.
type Holder struct {
	Node  string  `json:"node"`
	State string  `json:"state"`
	MS    float64 `json:"ms,omitempty"`  // until its answer arrived
	Why   string  `json:"why,omitempty"` // why it does not have it in force, or may lose it
}

// Spread is the result of a push to all processes.
type Spread struct {
	Revision uint64
	Holders  []Holder
	Unsure   string        // why further processes may lack it, as Unsure says
	Rooms    []RoomOutcome // the other rooms of the shop
}

// Everywhere reports whether all processes that should have it in force, and are present, do.
func (s Spread) Everywhere() bool {
	return !slices.ContainsFunc(s.Holders, func(h Holder) bool { return h.State != InForce && h.State != Absent }) &&
		!slices.ContainsFunc(s.Rooms, func(r RoomOutcome) bool { return !r.Everywhere() })
}

// spread is a push of the value under a bucket's key, which takes effect as a whole.
type spread struct {
	conn        *bus.Conn
	bucket, key string
	value       []byte
	expects     func(Member) bool
	wait        time.Duration
	standing    bool // the value is in force already, so put only gives its revision and nobody acknowledges it again
	put         func(context.Context) (revision uint64, err error)
}

// run pushes, and waits until all present processes have it in force, or the time is over.
func (s spread) run(ctx context.Context) (out Spread, err error) {
	if !s.standing {
		return s.once(ctx, s.wait)
	}
	for began := time.Now(); ; {
		out, err = s.once(ctx, 0)
		if err != nil || out.Everywhere() || time.Since(began) > s.wait {
			return out, err
		}
		if err := pause.For(ctx, askPause); err != nil {
			return out, err
		}
	}
}

func (s spread) once(ctx context.Context, wait time.Duration) (out Spread, err error) {
	members, err := Members(ctx, s.conn)
	if err != nil {
		return out, err
	}
	outcome, err := Push{
		Conn: s.conn, Bucket: s.bucket, Wait: wait, Patient: func(m Member) bool { return m.Present }, Final: true,
		Expected: slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return !s.expects(m) }),
		Do: func(ctx context.Context) (key string, revision uint64, err error) {
			revision, err = s.put(ctx)
			return s.key, revision, err
		},
	}.Run(ctx)
	if err != nil {
		return out, err
	}
	has := func(a Ack) bool { return a.Value == digest(s.value) }
	return Spread{Revision: outcome.Revision, Holders: holders(outcome, has), Unsure: Unsure(ctx, s.conn, members)}, nil
}

// holders lists what a push came to in each process. has reports whether an answer says that it is in force.
func holders(outcome Outcome, has func(Ack) bool) []Holder {
	all := []Holder{}
	for _, a := range outcome.Acks {
		h := Holder{Node: a.Node, MS: a.MS, State: InForce, Why: a.Note}
		if !has(a.Ack) {
			h.State = Refused
			h.Why = cmp.Or(a.Error, "somebody has pushed something else meanwhile")
		}
		all = append(all, h)
	}
	for _, m := range outcome.Missing {
		h := Holder{Node: m.Node, State: Absent, Why: m.Why}
		if m.Present {
			h.State = Silent
		}
		all = append(all, h)
	}
	return all
}

// digest is 16 hex digits that identify a pushed value.
func digest(value []byte) string {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:8])
}
