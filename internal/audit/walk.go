package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// walkPage is how many entities a walk reads at once: about as many as one call of a batch asks for.
const walkPage = 50

// walk goes through the records of a store, a few at a time, and groups them into calls of their upstreams.
type walk struct {
	*Sweeper
	at      walkPosition
	catalog *catalog.Catalog                      // of the dimensions in waits
	waits   map[*catalog.Dimension][]kv.RecordKey // grouped, and not compared yet
}

// walkPosition is the progress of a walk between two turns, whichever process takes them.
type walkPosition struct {
	Cursor string              `json:"cursor"`         // in the store; "" at the start
	Waits  map[string][]string `json:"waits,omitzero"` // grouped, and not compared yet: ids by kind and dimension
	Last   bool                `json:"last,omitzero"`  // the last page was read: the pass ends when nothing waits
}

func newWalk(s *Sweeper) *walk { return &walk{Sweeper: s} }

// next makes at least the given number of calls and compares at least the given number of records, unless the pass ends
// first. Then ended is true, and the next call begins another pass.
func (w *walk) next(ctx context.Context, calls, records int) (_ Sampled, ended bool, err error) {
	w.resume()
	defer w.pause()
	c := comparison{Sweeper: w.Sweeper, suspects: map[*catalog.Dimension][]kv.RecordKey{}}
	for err == nil && !ended && (calls > 0 || records > 0) {
		d, keys := w.nextBatch()
		switch {
		case d == nil && w.at.Last:
			w.at.Last = false
			ended = true
		case d == nil:
			err = w.read(ctx)
		default:
			err = c.compare(ctx, d, keys)
			if err != nil {
				w.waits[d] = append(w.waits[d], keys...)
			}
			calls--
			records -= len(keys)
		}
	}
	return c.Sampled, ended, errors.Join(err, c.settle(ctx))
}

// resume takes up the records that wait, except those that the catalog no longer has.
func (w *walk) resume() {
	w.catalog = w.Catalog()
	w.waits = map[*catalog.Dimension][]kv.RecordKey{}
	for name, ids := range w.at.Waits {
		kind, dimension, _ := strings.Cut(name, ".")
		d, err := w.catalog.Dimension(kind, dimension)
		if err != nil {
			continue
		}
		for _, id := range ids {
			w.waits[d] = append(w.waits[d], kv.RecordKey{Entity: item.Entity{Kind: kind, ID: id}, Dimension: dimension})
		}
	}
}

// pause stores the records that wait in the walk's place.
func (w *walk) pause() {
	w.at.Waits = map[string][]string{}
	for d, keys := range w.waits {
		if len(keys) == 0 {
			continue
		}
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.Entity.ID
		}
		w.at.Waits[d.Kind.Name+"."+d.Name] = ids
	}
}

// read groups the records of one page.
func (w *walk) read(ctx context.Context) error {
	entities, next, err := w.Records.ScanEntities(ctx, w.at.Cursor, walkPage)
	if err != nil {
		if next != "" || errors.Is(err, item.ErrRefused) { // a part of the store is unavailable, or the cursor is another store's
			w.at.Cursor = next
		}
		return fmt.Errorf("scan entities: %w", err)
	}
	for _, e := range entities {
		kind, err := w.catalog.Kind(e.Kind)
		if err != nil || kind.Internal() {
			continue // a kind of an older catalog, or one without an upstream
		}
		for _, d := range kind.Dimensions {
			w.waits[d] = append(w.waits[d], kv.RecordKey{Entity: e, Dimension: d.Name})
		}
	}
	w.at.Cursor = next
	w.at.Last = next == ""
	return nil
}

// nextBatch gives the records of one call: a full one, or what is left after the last page. The dimension is nil if
// there is none.
func (w *walk) nextBatch() (*catalog.Dimension, []kv.RecordKey) {
	for d, keys := range w.waits {
		if len(keys) < d.BatchMax && !w.at.Last || len(keys) == 0 {
			continue
		}
		n := min(len(keys), d.BatchMax)
		w.waits[d] = keys[n:]
		return d, keys[:n:n]
	}
	return nil, nil
}
