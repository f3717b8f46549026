package audit

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// ReadBack follows a sample of the changes as they come, and looks some time later whether a detail server
// shows them.
type ReadBack struct {
	ReadBackConfig
	due []readBack
}

// ReadBackConfig of a ReadBack. All fields but Ages, Every and Most are needed.
type ReadBackConfig struct {
	Catalog func() *catalog.Catalog
	Records interface {
		kv.StateReader
		kv.RecordReader
	}
	Changes Changes
	Served  func(ctx context.Context, e item.Entity, blob string) (Served, error) // by a detail server; item.ErrUnknown where it serves no such blob
	Read    func(age time.Duration, right bool)                                   // told after each look
	Log     *slog.Logger
	Ages    []time.Duration // after which it looks. Default to 1, 10 and 60 s
	Every   time.Duration   // between samples. Defaults to 2 s
	Most    int             // changes in a sample. Defaults to 5
}

// Served is what a detail server has of a blob.
type Served struct {
	There bool // not where it is deleted, or was never known
	Gen   uint64
}

// Changes gives the next changes that are published, at most most of them; *bus.Conn is one.
type Changes interface {
	NextChanges(ctx context.Context, most int) ([]bus.Replayed, error)
}

// readBack is a change to be looked at.
type readBack struct {
	at     time.Time
	age    time.Duration
	change item.Change
	sent   time.Time
}

// NewReadBack makes a ReadBack.
func NewReadBack(c ReadBackConfig) *ReadBack {
	if c.Ages == nil {
		c.Ages = []time.Duration{time.Second, 10 * time.Second, time.Minute}
	}
	c.Every, c.Most = cmp.Or(c.Every, 2*time.Second), cmp.Or(c.Most, 5)
	return &ReadBack{ReadBackConfig: c}
}

// Run follows until ctx ends.
func (r *ReadBack) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, r.Every)
		changes, err := r.Changes.NextChanges(within, r.Most)
		if err != nil && ctx.Err() == nil {
			r.Log.Debug("follow changes", "error", err)
		}
		for _, c := range changes {
			for _, age := range r.Ages {
				r.due = append(r.due, readBack{c.At.Add(age), age, c.Change, c.At})
			}
		}
		<-within.Done()
		cancel()
		r.look(ctx, time.Now())
	}
	return nil
}

// look reads back what is due.
func (r *ReadBack) look(ctx context.Context, now time.Time) {
	r.due = slices.DeleteFunc(r.due, func(b readBack) bool {
		if b.at.After(now) {
			return false
		}
		right, known, err := r.right(ctx, b)
		if err != nil {
			r.Log.Debug("read back", "change", b.change.Subject(), "error", err)
		}
		if known {
			r.Read(b.age, right && err == nil)
		}
		return true
	})
}

// right reports whether the change's record was asked for since it came, and whether what is served is what the
// records say now. It is not known for what the catalog does not declare, and for blobs that nobody is served.
func (r *ReadBack) right(ctx context.Context, b readBack) (right, known bool, err error) {
	kind, err := r.Catalog().Kind(b.change.Entity.Kind)
	if err != nil {
		return false, false, nil
	}
	right = true
	for _, d := range kind.Dimensions {
		if d.Name != b.change.Dimension && b.change.Dimension != item.All {
			continue
		}
		records, err := r.Records.Records(ctx, []kv.RecordKey{{Entity: b.change.Entity, Dimension: d.Name}})
		if err != nil {
			return false, true, err
		}
		asked := !records[0].Fetched.Before(b.sent.Truncate(time.Second)) // kept to the second
		for _, blob := range d.Blobs {
			shown, seen, err := r.shown(ctx, b, blob)
			if err != nil {
				return false, true, err
			}
			if seen {
				known = true
				right = right && asked && shown
			}
		}
	}
	return right, known, nil
}

// shown reports whether a blob is served as its records say: of their gen or a higher one, and where they say that
// there is none, not at all. It is not seen where it is not served to anybody, and where the records have changed so
// lately that this later change has not had its time.
func (r *ReadBack) shown(ctx context.Context, b readBack, blob *catalog.Blob) (shown, seen bool, err error) {
	e := b.change.Entity
	states, err := r.Records.States(ctx, []item.Entity{e})
	if err != nil {
		return false, true, err
	}
	keys := make([]kv.RecordKey, len(blob.Of))
	for i, d := range blob.Of {
		keys[i] = kv.RecordKey{Entity: e, Dimension: d.Name}
	}
	held, err := r.Records.Records(ctx, keys)
	if err != nil {
		return false, true, err
	}
	records := make(map[string]kv.Record, len(held))
	for i, k := range keys {
		records[k.Dimension] = held[i]
	}
	want, err := shape.Fold(blob, e, records)
	if err != nil {
		return false, false, nil // what can't be folded stays as it was
	}
	served, err := r.Served(ctx, e, blob.Name)
	if err != nil {
		return false, false, nil
	}
	gen := states[0].Gen(blob.Dimensions())
	if want.Life == kv.Alive {
		shown = served.There && served.Gen >= gen
	} else {
		shown = !served.There
	}
	return shown, shown || time.Since(genTime(gen)) >= b.age, nil
}

// genTime is about when a gen was issued: gens follow the store's clock, in microseconds.
func genTime(gen uint64) time.Time { return time.UnixMicro(int64(min(gen, math.MaxInt64))) }
