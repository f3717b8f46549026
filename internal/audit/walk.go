package audit

import (
	"context"
	"errors"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// walkPage is how many entities a walk reads at once: about as many as one call of a batch asks for.
const walkPage = 50

// walk goes through the records of a store, a few at a time, gathered into calls of their owners.
type walk struct {
	*Sweeper
	cursor  string                                // in the store; "" at the start
	catalog *catalog.Catalog                      // that gathered was gathered by
	waits   map[*catalog.Dimension][]kv.RecordKey // gathered, and not compared yet
	last    bool                                  // the last page was read: what waits ends the pass
}

func newWalk(s *Sweeper) *walk { return &walk{Sweeper: s} }

// next makes at least so many calls, and compares at least so many records, unless the pass ends before: ended then,
// and the next call begins another.
func (w *walk) next(ctx context.Context, calls, records int) (_ Sampled, ended bool, err error) {
	w.gatherBy(w.Catalog())
	c := comparison{Sweeper: w.Sweeper, suspects: map[*catalog.Dimension][]kv.RecordKey{}}
	for err == nil && !ended && (calls > 0 || records > 0) {
		d, keys := w.nextBatch()
		switch {
		case d == nil && w.last:
			w.last = false
			ended = true
		case d == nil:
			err = w.read(ctx)
		default:
			err = c.look(ctx, d, keys)
			if err != nil {
				w.waits[d] = append(w.waits[d], keys...)
			}
			calls--
			records -= len(keys)
		}
	}
	return c.Sampled, ended, errors.Join(err, c.settle(ctx))
}

// gatherBy forgets what was gathered by another catalog: its dimensions are others.
func (w *walk) gatherBy(c *catalog.Catalog) {
	if w.catalog != c {
		w.catalog = c
		w.waits = map[*catalog.Dimension][]kv.RecordKey{}
		w.last = false
	}
}

// read gathers the records of one page.
func (w *walk) read(ctx context.Context) error {
	entities, next, err := w.Records.ScanEntities(ctx, w.cursor, walkPage)
	if err != nil {
		if next != "" || errors.Is(err, item.ErrRefused) { // a part of the store that is away, or another store than the cursor's
			w.cursor = next
		}
		return fmt.Errorf("scan entities: %w", err)
	}
	for _, e := range entities {
		kind, err := w.catalog.Kind(e.Kind)
		if err != nil {
			continue // left over from an older catalog
		}
		for _, d := range kind.Dimensions {
			w.waits[d] = append(w.waits[d], kv.RecordKey{Entity: e, Dimension: d.Name})
		}
	}
	w.cursor = next
	w.last = next == ""
	return nil
}

// nextBatch gives the records of one call: a full one, or whatever waits once the last page was read. The dimension is nil
// where there is none.
func (w *walk) nextBatch() (*catalog.Dimension, []kv.RecordKey) {
	for d, keys := range w.waits {
		if len(keys) < d.BatchMax && !w.last || len(keys) == 0 {
			continue
		}
		n := min(len(keys), d.BatchMax)
		w.waits[d] = keys[n:]
		return d, keys[:n:n]
	}
	return nil, nil
}
