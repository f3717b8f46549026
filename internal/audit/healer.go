package audit

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// HealerConfig configures a Healer. All fields but Every are needed.
type HealerConfig struct {
	Catalog func() *catalog.Catalog // the one in force
	Records interface {
		kv.RecordReader
		kv.StateReader
	}
	DeadLetters DeadLetterStore
	Log         *slog.Logger
	Every       time.Duration // between two passes over all dead letters. Defaults to 10 s
}

// DeadLetterStore holds the dead letters. *bus.Conn is one.
type DeadLetterStore interface {
	DeadLetters(ctx context.Context, subject string) iter.Seq2[bus.StoredDeadLetter, error]
	Drop(ctx context.Context, l bus.StoredDeadLetter) error
}

// Healer removes dead letters whose entity has been healed: their record has been fetched since, or their blobs are built
// up to their records.
type Healer struct{ HealerConfig }

// NewHealer makes a Healer.
func NewHealer(c HealerConfig) *Healer {
	c.Every = cmp.Or(c.Every, 10*time.Second)
	return &Healer{c}
}

const (
	// clocks is how much the clocks of two workers may differ: a record counts as fetched later than a dead letter was
	// written if it says so by more than that.
	clocks = 5 * time.Second
	// deadLetterRest is how long a Healer rests, as a multiple of what a pass took. Dead letters may be many.
	deadLetterRest = 20
	// deadLetterPage is how many are compared with their records at once.
	deadLetterPage = 200
)

// Run looks at intervals until ctx ends.
func (h *Healer) Run(ctx context.Context) error {
	for rest := h.Every; pause.For(ctx, rest) == nil; {
		began := time.Now()
		healed, err := h.Heal(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			h.Log.Debug("dead letters not looked at", "error", err)
		case healed > 0:
			h.Log.Info("dead letters removed whose entities are healed", "letters", healed)
		}
		rest = max(h.Every, deadLetterRest*time.Since(began))
	}
	return nil
}

// Heal looks at all dead letters once, and reports how many it has removed.
func (h *Healer) Heal(ctx context.Context) (healed int, err error) {
	var page []deadLetter
	flush := func() error {
		n, err := h.page(ctx, page)
		healed += n
		page = page[:0]
		return err
	}
	for l, err := range h.DeadLetters.DeadLetters(ctx, "failed.>") {
		if err != nil {
			return healed, err
		}
		if known, ok := h.read(l); ok {
			page = append(page, known)
		}
		if len(page) == deadLetterPage {
			if err := flush(); err != nil {
				return healed, err
			}
		}
	}
	return healed, flush()
}

// deadLetter is one about what the catalog knows.
type deadLetter struct {
	bus.StoredDeadLetter
	entity     item.Entity
	kind       *catalog.Kind
	dimensions []*catalog.Dimension // to fetch; none: the entity was to be folded
}

// read reports false for a dead letter that names nothing in the catalog: nothing can heal that.
func (h *Healer) read(l bus.StoredDeadLetter) (deadLetter, bool) {
	change, err := item.ParseChange(l.Subject)
	fetch := err == nil
	if !fetch {
		change, err = item.ParseSync(l.Subject)
	}
	if err != nil || l.Last.IsZero() {
		return deadLetter{}, false
	}
	kind, err := h.Catalog().Kind(change.Entity.Kind)
	if err != nil {
		return deadLetter{}, false
	}
	known := deadLetter{StoredDeadLetter: l, entity: change.Entity, kind: kind}
	switch {
	case !fetch:
	case change.Dimension == item.All:
		known.dimensions = kind.Dimensions
	default:
		d, err := kind.Dimension(change.Dimension)
		if err != nil {
			return deadLetter{}, false
		}
		known.dimensions = []*catalog.Dimension{d}
	}
	return known, true
}

// page removes those of some dead letters that are healed.
func (h *Healer) page(ctx context.Context, letters []deadLetter) (healed int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	var keys []kv.RecordKey
	entities := make([]item.Entity, len(letters))
	for i, l := range letters {
		entities[i] = l.entity
		for _, d := range l.dimensions {
			keys = append(keys, kv.RecordKey{Entity: l.entity, Dimension: d.Name})
		}
	}
	records, err := h.Records.Records(ctx, keys)
	if err != nil {
		return 0, fmt.Errorf("read records: %w", err)
	}
	states, err := h.Records.States(ctx, entities)
	if err != nil {
		return 0, fmt.Errorf("read states: %w", err)
	}
	for i, l := range letters {
		own := records[:len(l.dimensions)]
		records = records[len(l.dimensions):]
		if !l.healed(own, states[i]) {
			continue
		}
		if err := h.DeadLetters.Drop(ctx, l.StoredDeadLetter); err != nil {
			return healed, err
		}
		healed++
	}
	return healed, nil
}

// healed reports whether what the dead letter is about has succeeded since.
func (l deadLetter) healed(records []kv.Record, state kv.State) bool {
	if len(l.dimensions) == 0 {
		return time.Since(l.Last) > clocks && len(state.Gens) > 0 && !Dirty(l.kind, state)
	}
	for i, r := range records {
		if r.Existence == kv.Absent || r.Damaged || r.Shape != l.dimensions[i].Shape || r.Fetched.Sub(l.Last) <= clocks {
			return false
		}
	}
	return true
}
