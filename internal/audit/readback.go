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

// ReadBack samples the changes as they are published, and checks some time later whether a detail server shows them.
type ReadBack struct {
	ReadBackConfig
	due []readBack
}

// ReadBackConfig configures a ReadBack. All fields but Ages, Every and Most are required.
type ReadBackConfig struct {
	Catalog func() *catalog.Catalog
	Records interface {
		kv.StateReader
		kv.RecordReader
	}
	Changes Changes
	Served  func(ctx context.Context, e item.Entity, blob string) (Served, error) // what a detail server has; fails with item.ErrUnknown if it serves no such blob
	Read    func(age time.Duration, right bool)                                   // called after each check
	Log     *slog.Logger
	Ages    []time.Duration // when to check, counted from the change. Defaults to 1, 10 and 60 s
	Every   time.Duration   // between two samples. Defaults to 2 s
	Most    int             // changes in a sample. Defaults to 5
}

// Served is a detail server's version of a blob.
type Served struct {
	There bool // false if the blob is deleted, or was never known
	Gen   uint64
}

// Changes gives the next published changes, at most most of them; *bus.Conn is one.
type Changes interface {
	NextChanges(ctx context.Context, most int) ([]bus.Replayed, error)
}

// readBack is a change to be checked.
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

// Run samples and checks changes until ctx ends.
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
		r.checkDue(ctx, time.Now())
	}
	return nil
}

// checkDue checks the changes that are due.
func (r *ReadBack) checkDue(ctx context.Context, now time.Time) {
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

// right reports whether the change's record was fetched after the change was published, and whether the served blobs
// match the present records. It is not known for dimensions that the catalog does not declare, and for blobs that are
// not served.
func (r *ReadBack) right(ctx context.Context, b readBack) (right, known bool, err error) {
	kind, err := r.Catalog().Kind(b.change.Entity.Kind)
	if err != nil || kind.Internal() {
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
		asked := !records[0].Fetched.Before(b.sent.Truncate(time.Second)) // Fetched has whole seconds
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

// shown reports whether a served blob matches its records: it has the gen of the records or a higher one, or is absent
// if the records make no blob. seen is false if the blob is not served at all, or if the records changed so recently
// that the later change has not had its time.
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
		return false, false, nil // a blob that can't be folded stays as it was
	}
	served, err := r.Served(ctx, e, blob.Name)
	if err != nil {
		return false, false, nil
	}
	gen := states[0].Gen(blob.Dimensions())
	if want.Existence == kv.Alive {
		shown = served.There && served.Gen >= gen
	} else {
		shown = !served.There
	}
	return shown, shown || time.Since(genTime(gen)) >= b.age, nil
}

// genTime is roughly when a gen was issued: gens follow the store's clock, in microseconds.
func genTime(gen uint64) time.Time { return time.UnixMicro(int64(min(gen, math.MaxInt64))) }
