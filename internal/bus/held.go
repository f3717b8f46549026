package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Suspension says what becomes of deletions of one dimension. The zero Suspension lets them through.
type Suspension struct {
	Since    time.Time `json:"since,omitzero"`
	Controls []string  `json:"controls,omitempty"` // ids, not announced, that their upstream said to be gone as well
	Released time.Time `json:"released,omitzero"`  // until then deletions pass, by somebody's order
}

// Holds reports whether deletions wait.
func (s Suspension) Holds() bool { return !s.Since.IsZero() && s.Released.IsZero() }

// Passes reports whether somebody has ordered that deletions pass. now is by NATS's clock.
func (s Suspension) Passes(now time.Time) bool { return now.Before(s.Released) }

// HeldDimension is a dimension whose deletions wait.
type HeldDimension struct {
	Kind, Dimension string
	Suspension
	Waiting int
}

// Deletions is where deletions wait that nobody believes yet: the changes in the stream HELD, and for each dimension the
// reason in the bucket of workers' marks, so that they outlive processes and bind all of them.
type Deletions struct{ conn *Conn }

// Deletions gives access to what is held.
func (c *Conn) Deletions() *Deletions { return &Deletions{c} }

const suspensions = "deletions."

func (d *Deletions) marks() *Bucket { return d.conn.Bucket("marks") }

// Suspension reads what holds for a dimension.
func (d *Deletions) Suspension(ctx context.Context, kind, dimension string) (s Suspension, err error) {
	e, err := d.marks().Get(ctx, suspensions+kind+"."+dimension)
	if errors.Is(err, ErrNoEntry) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &s)
	}
	return s, err
}

// Suspend writes what holds for a dimension from now on.
func (d *Deletions) Suspend(ctx context.Context, kind, dimension string, s Suspension) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = d.marks().Put(ctx, suspensions+kind+"."+dimension, value)
	return err
}

// Hold keeps changes that would delete, and returns when NATS holds all of them.
func (d *Deletions) Hold(ctx context.Context, changes []item.Change) error {
	return d.conn.publish(ctx, len(changes), window, func(i int) (*nats.Msg, error) {
		return &nats.Msg{Subject: item.HeldSubject(changes[i])}, nil
	})
}

// List gives the dimensions whose deletions wait, and those that changes wait for though nothing holds them any more:
// a worker may have been late. It costs the same however many wait, but where some wait that nothing holds.
func (d *Deletions) List(ctx context.Context) (held []HeldDimension, err error) {
	total, err := d.Count(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := d.marks().Keys(ctx)
	if err != nil && !errors.Is(err, ErrNoEntry) {
		return nil, err
	}
	counted, known := map[string]bool{}, 0
	for _, key := range keys {
		kind, dimension, ok := strings.Cut(strings.TrimPrefix(key, suspensions), ".")
		if !ok || !strings.HasPrefix(key, suspensions) {
			continue
		}
		s, err := d.Suspension(ctx, kind, dimension)
		if err != nil {
			return nil, err
		}
		waiting := 0
		if total > 0 {
			waiting, err = d.waiting(ctx, kind, dimension)
			if err != nil {
				return nil, err
			}
		}
		if s.Holds() || waiting > 0 {
			held = append(held, HeldDimension{kind, dimension, s, waiting})
		}
		counted[kind+"."+dimension] = true
		known += waiting
	}
	if uint64(known) >= total {
		return held, nil
	}
	others, err := d.others(ctx, counted)
	return append(held, others...), err
}

// Count is how many changes are held.
func (d *Deletions) Count(ctx context.Context) (uint64, error) { return d.conn.messages(ctx, Held) }

// countFor is how long NATS keeps a consumer that was made to count by, and that nobody could remove.
const countFor = 5 * time.Second

// waiting counts the changes held of a dimension. A consumer says how many messages it would be given, without a list of them.
func (d *Deletions) waiting(ctx context.Context, kind, dimension string) (int, error) {
	counter, err := d.conn.js.CreateConsumer(ctx, Held, jetstream.ConsumerConfig{
		FilterSubject: "held." + kind + "." + dimension + ".>", AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: countFor,
	})
	if err != nil {
		return 0, reached("count the stream "+Held, err)
	}
	d.conn.forgetReader(ctx, Held, counter)
	return int(counter.CachedInfo().NumPending), nil
}

// others lists the dimensions that changes wait for and that are not known.
func (d *Deletions) others(ctx context.Context, known map[string]bool) (held []HeldDimension, err error) {
	stream, err := d.conn.js.Stream(ctx, Held)
	if err != nil {
		return nil, reached("look at the stream "+Held, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("held.>"))
	if err != nil {
		return nil, reached("look at the stream "+Held, err)
	}
	waiting := map[string]int{}
	for subject := range info.State.Subjects {
		if c, err := item.ParseHeld(subject); err == nil && !known[c.Entity.Kind+"."+c.Dimension] {
			waiting[c.Entity.Kind+"."+c.Dimension]++
		}
	}
	for at, n := range waiting {
		kind, dimension, _ := strings.Cut(at, ".")
		held = append(held, HeldDimension{kind, dimension, Suspension{}, n})
	}
	return held, nil
}

// Release lets deletions of a dimension through until a time, and announces again what is held of it.
func (d *Deletions) Release(ctx context.Context, kind, dimension string, until time.Time) (announced int, err error) {
	s, err := d.Suspension(ctx, kind, dimension)
	if err != nil {
		return 0, err
	}
	s.Released = until
	if err := d.Suspend(ctx, kind, dimension, s); err != nil {
		return 0, err
	}
	return d.Announce(ctx, kind, dimension)
}

// Resume ends a suspension, since its occasion is over, and announces again what is held.
func (d *Deletions) Resume(ctx context.Context, kind, dimension string) (announced int, err error) {
	if err := d.marks().Delete(ctx, suspensions+kind+"."+dimension); err != nil && !errors.Is(err, ErrNoEntry) {
		return 0, err
	}
	return d.Announce(ctx, kind, dimension)
}

// Discard forgets what is held of a dimension. Its deletions wait on, until their upstream answers as before, or somebody
// releases them.
func (d *Deletions) Discard(ctx context.Context, kind, dimension string) (dropped int, err error) {
	waiting, err := d.waiting(ctx, kind, dimension)
	if err != nil {
		return 0, err
	}
	stream, err := d.conn.js.Stream(ctx, Held)
	if err != nil {
		return 0, reached("look at the stream "+Held, err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("held."+kind+"."+dimension+".>")); err != nil {
		return 0, reached("purge the stream "+Held, err)
	}
	return waiting, nil
}

// Announce publishes what is held of a dimension as changes of the refresh lane, and removes it.
func (d *Deletions) Announce(ctx context.Context, kind, dimension string) (n int, err error) {
	filter := "held." + kind + "." + dimension + ".>"
	stream, err := d.conn.js.Stream(ctx, Held)
	if err != nil {
		return 0, reached("look at the stream "+Held, err)
	}
	var batch []item.Change
	flush := func(upTo uint64) error {
		if err := d.conn.PublishChanges(ctx, batch, PublishOptions{}); err != nil {
			return err
		}
		n += len(batch)
		batch = batch[:0]
		err := stream.Purge(ctx, jetstream.WithPurgeSubject(filter), jetstream.WithPurgeSequence(upTo+1))
		if err != nil {
			return reached("purge the stream "+Held, err)
		}
		return nil
	}
	last := uint64(0)
	for m, err := range d.conn.stored(ctx, Held, filter) {
		if err != nil {
			return n, err
		}
		c, err := item.ParseHeld(m.subject)
		if err != nil {
			return n, fmt.Errorf("%s in %s: %w", item.Clip(m.subject, 80), Held, err)
		}
		last = m.seq
		batch = append(batch, c)
		if len(batch) == fetchMax {
			if err := flush(last); err != nil {
				return n, err
			}
		}
	}
	if len(batch) == 0 {
		return n, nil
	}
	return n, flush(last)
}
