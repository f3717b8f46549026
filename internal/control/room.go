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
	expects     func(Member) bool
	wait        time.Duration
	has         func(e bus.Entry, a Ack) bool // whether an answer says that the entry is in force
	recall      func(r Report, revision uint64) (Ack, bool)
}

// CarrySwitch has a setting that was pushed in one room in force in another one. A wait of zero is that for a room with an nginx.
func CarrySwitch(ctx context.Context, from, to *bus.Conn, d *switches.Switch, s switches.Setting, wait time.Duration) (RoomOutcome, error) {
	return carried{
		from: from, to: to, bucket: SwitchBucket, key: switchKey(s.Name, s.Scope), wait: cmp.Or(wait, frontWait),
		expects: func(m Member) bool { return m.Has(s.Scope) },
		has: func(_ bus.Entry, a Ack) bool {
			got := SwitchAck{Value: a.Value, OverriddenBy: a.OverriddenBy, Error: a.Error}
			got.judge(d, s, false)
			return !got.Differs
		},
		recall: func(r Report, revision uint64) (Ack, bool) { return recallSwitch(r, d, s, revision) },
	}.run(ctx)
}

// CarryCatalog has the catalog that was pushed last in one room in force in another one.
func CarryCatalog(ctx context.Context, from, to *bus.Conn, wait time.Duration) (RoomOutcome, error) {
	all := func(Member) bool { return true }
	return carried{from: from, to: to, bucket: CatalogBucket, key: CatalogKey, wait: wait, expects: all, has: hasDigest}.run(ctx)
}

// CarryTemplates has the templates that were pushed last in one room in force in another one.
func CarryTemplates(ctx context.Context, from, to *bus.Conn, wait time.Duration) (RoomOutcome, error) {
	return carried{from: from, to: to, bucket: TemplateBucket, key: TemplateKey, wait: wait, expects: Member.rendersPages, has: hasDigest}.run(ctx)
}

func hasDigest(e bus.Entry, a Ack) bool { return a.Value == digest(e.Value) }

// run carries, and waits until all present processes of the other room have it in force, or the time is over. The relay of that room
// may have carried it already; then its processes are asked.
func (c carried) run(ctx context.Context) (out RoomOutcome, err error) {
	if err := c.to.Ensure(ctx); err != nil {
		return out, err
	}
	e, err := c.from.Bucket(c.bucket).Latest(ctx, c.key)
	if err != nil {
		return out, fmt.Errorf("read what was pushed: %w", err)
	}
	there, err := c.to.Bucket(c.bucket).Latest(ctx, c.key)
	if err != nil {
		return out, err
	}
	if e.Pushed.After(there.Pushed) {
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
	out = RoomOutcome{Revision: outcome.Revision, Processes: holders(outcome, func(a Ack) bool { return c.has(e, a) })}
	for i, h := range out.Processes {
		if h.State == Absent && c.bucket == SwitchBucket { // a switch is awaited from all that are expected
			out.Processes[i].State = Silent
		}
	}
	return out, nil
}
