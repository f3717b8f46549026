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

// walk goes through the records of a store, a few at a time, and groups them into calls of their upstreams.
type walk struct {
	*Sweeper
	cursor  string                                // in the store; "" at the start
	catalog *catalog.Catalog                      // by which the records in waits were grouped
	waits   map[*catalog.Dimension][]kv.RecordKey // grouped, and not compared yet
	last    bool                                  // the last page was read: the pass ends when waits is empty
}

func newWalk(s *Sweeper) *walk { return &walk{Sweeper: s} }

// next makes at least the given number of calls and compares at least the given number of records, unless the pass ends
// first. Then ended is true, and the next call begins another pass.
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

// gatherBy drops what was grouped by another catalog, whose dimensions differ.
func (w *walk) gatherBy(c *catalog.Catalog) {
	if w.catalog != c {
		w.catalog = c
		w.waits = map[*catalog.Dimension][]kv.RecordKey{}
		w.last = false
	}
}

// read groups the records of one page.
func (w *walk) read(ctx context.Context) error {
	entities, next, err := w.Records.ScanEntities(ctx, w.cursor, walkPage)
	if err != nil {
		if next != "" || errors.Is(err, item.ErrRefused) { // a part of the store is unavailable, or the cursor is another store's
			w.cursor = next
		}
		return fmt.Errorf("scan entities: %w", err)
	}
	for _, e := range entities {
		kind, err := w.catalog.Kind(e.Kind)
		if err != nil {
			continue // a kind of an older catalog
		}
		for _, d := range kind.Dimensions {
			w.waits[d] = append(w.waits[d], kv.RecordKey{Entity: e, Dimension: d.Name})
		}
	}
	w.cursor = next
	w.last = next == ""
	return nil
}

// nextBatch gives the records of one call: a full one, or what is left after the last page. The dimension is nil if
// there is none.
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
