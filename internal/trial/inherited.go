package trial

import (
	"context"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// inherited fetches what the page of an entity inherits from, unless that was tried already: of a kind only the first entities of its list
// are, and others may be meant.
func (t *trial) inherited(ctx context.Context, p *catalog.Page, id string) {
	for _, b := range append([]*catalog.Blob{p.Blob}, p.Overlay...) {
		for _, w := range b.Inherit {
			for _, d := range b.Of {
				record := t.records[kv.RecordKey{Entity: item.Entity{Kind: p.Kind.Name, ID: id}, Dimension: d.Name}]
				if ids := shape.Refs(d, record.Body)[w.Ref.Name].IDs; len(ids) > 0 {
					t.fetchAll(ctx, "page "+p.Name, w, id, ids[0])
				}
			}
		}
	}
}

// fetchAll fetches the records of a blob that an entity inherits.
func (t *trial) fetchAll(ctx context.Context, what string, w catalog.With, heir, id string) {
	e := item.Entity{Kind: w.Ref.Kind.Name, ID: id}
	for i, d := range w.Blob.Of {
		key := kv.RecordKey{Entity: e, Dimension: d.Name}
		if _, tried := t.records[key]; tried {
			continue
		}
		answer := t.Client.Fetch(ctx, d, []upstream.Ask{{ID: id}})[0]
		v, _, err := answer.Value(d, kv.Record{})
		switch {
		case err != nil:
			t.refused(d, answer, id, err)
		case v.Existence == kv.Alive:
			t.records[key] = kv.Record{Value: v}
		case i == 0:
			t.warn(what, t.keyOf(d, asking(d)), "", "%s inherits from %s, which its upstream does not know", heir, e)
		}
	}
}
