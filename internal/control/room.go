package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/pause"
	"vitrine/switches"
)

// RoomOutcome is what a push came to in another room.
type RoomOutcome struct {
	Room      string   `json:"room"`
	Revision  uint64   `json:"revision,omitempty"`  // there
	Processes []Holder `json:"processes,omitempty"` // of that room
	Error     string   `json:"error,omitempty"`     // why it was not reached
}

// Everywhere reports whether all processes of the room that should have it in force do.
func (o RoomOutcome) Everywhere() bool {
	return o.Error == "" && Spread{Holders: o.Processes}.Everywhere()
}

// carried is something that was pushed in one room and is to be in force in another one.
type carried struct {
	from, to    *bus.Conn
	bucket, key string
	revision    uint64 // in the room of from
	expects     func(Member) bool
	wait        time.Duration
	has         func(Ack) bool // whether an answer says that it is in force
	recall      func(r Report, revision uint64) (Ack, bool)
}

// CarrySwitch has a setting that was pushed in one room as a revision in force in another one. A wait of zero is that for a room with an nginx.
func CarrySwitch(d *switches.Switch, s switches.Setting, revision uint64, wait time.Duration) Carrier {
	return carried{
		bucket: SwitchBucket, key: switchKey(s.Name, s.Scope), revision: revision, wait: cmp.Or(wait, frontWait),
		expects: func(m Member) bool { return m.Has(s.Scope) },
		has: func(a Ack) bool {
			got := SwitchAck{Value: a.Value, OverriddenBy: a.OverriddenBy, Error: a.Error}
			got.judge(d, s, false)
			return !got.Differs
		},
		recall: func(r Report, revision uint64) (Ack, bool) { return recallSwitch(r, d, s, revision) },
	}.between
}

// CarryCatalog has a catalog that was pushed in one room as a revision in force in another one.
func CarryCatalog(src []byte, revision uint64, wait time.Duration) Carrier {
	all := func(Member) bool { return true }
	return carried{bucket: CatalogBucket, key: CatalogKey, revision: revision, wait: wait, expects: all, has: hasDigest(src)}.between
}

// CarryTemplates has templates that were pushed in one room as a revision in force in another one.
func CarryTemplates(packed []byte, revision uint64, wait time.Duration) Carrier {
	return carried{bucket: TemplateBucket, key: TemplateKey, revision: revision, wait: wait, expects: Member.rendersPages, has: hasDigest(packed)}.between
}

func hasDigest(value []byte) func(Ack) bool {
	want := digest(value)
	return func(a Ack) bool { return a.Value == want }
}

// between is run between two rooms.
func (c carried) between(ctx context.Context, from, to *bus.Conn) (RoomOutcome, error) {
	c.from, c.to = from, to
	return c.run(ctx)
}

// run carries, and waits until all present processes of the other room have it in force, or the time is over. The relay of that room
// may have carried it already; then its processes are asked.
func (c carried) run(ctx context.Context) (out RoomOutcome, err error) {
	if err := c.to.Ensure(ctx); err != nil {
		return out, err
	}
	e, err := c.from.Bucket(c.bucket).LatestSince(ctx, c.key, c.revision)
	if err != nil {
		return out, fmt.Errorf("read what was pushed: %w", err)
	}
	there, err := c.to.Bucket(c.bucket).Latest(ctx, c.key)
	if err != nil {
		return out, err
	}
	if e.Newer(there) {
		return c.once(ctx, e, c.wait)
	}
	for began := time.Now(); ; {
		out, err = c.once(ctx, e, 0)
		if err != nil || out.Everywhere() || time.Since(began) > c.wait {
			return out, err
		}
		if err := pause.For(ctx, askPause); err != nil {
			return out, err
		}
	}
}

func (c carried) once(ctx context.Context, e bus.Entry, wait time.Duration) (out RoomOutcome, err error) {
	members, err := Members(ctx, c.to)
	if err != nil {
		return out, err
	}
	outcome, err := Push{
		Conn: c.to, Bucket: c.bucket, Wait: wait, Patient: func(m Member) bool { return m.Present }, Final: c.bucket != SwitchBucket,
		Expected: slices.DeleteFunc(members, func(m Member) bool { return !c.expects(m) }), Recall: c.recall,
		Do: func(ctx context.Context) (key string, revision uint64, err error) {
			revision, err = c.to.Bucket(c.bucket).Carry(ctx, e)
			return c.key, revision, err
		},
	}.Run(ctx)
	if err != nil {
		return out, err
	}
	out = RoomOutcome{Revision: outcome.Revision, Processes: holders(outcome, c.has)}
	for i, h := range out.Processes {
		if h.State == Absent && c.bucket == SwitchBucket { // a switch is awaited from all that are expected
			out.Processes[i].State = Silent
		}
	}
	return out, nil
}
