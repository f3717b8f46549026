package upstream

import (
	"bytes"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// Value returns the record that an answer becomes, and what that refers to. held is the record as it was read before
// the request; the zero Record if there was none. Stamp and Event are left zero. Errors are the answer's own, or wrap
// item.ErrRefused or item.ErrVersion if it can't become a record.
func (a Answer) Value(d *catalog.Dimension, held kv.Record) (kv.Value, kv.Refs, error) {
	v := kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: a.At, Source: d.From.Code, Shape: d.Shape}}
	switch {
	case a.Err != nil:
		return v, nil, a.Err
	case a.Status == NotModified:
		v.Version = held.Version
		v.Body = held.Body
		return v, shape.Refs(d, held.Body), nil
	case a.Status == Gone:
		v.Existence = tombstone(held)
		v.Version = held.Version
		return v, nil, nil
	}
	record, gone, err := shape.MakeRecord(d, a.Body)
	v.Version = record.Version
	switch {
	case err != nil && a.partial, gone && a.partial, a.lacks(d, record):
		return v, nil, fmt.Errorf("%w: %s.%s: GraphQL errors beside the data, for which something is missing: %s %s",
			item.ErrUnavailable, d.Kind.Name, d.Name, d.From.Name, a.words())
	case err != nil && a.words != nil:
		return v, nil, fmt.Errorf("%w; %s %s", err, d.From.Name, a.words())
	case err != nil:
		return v, nil, err
	case gone:
		v.Existence = tombstone(held)
		return v, nil, nil
	}
	v.Body = record.Body
	return v, record.Refs, nil
}

// lacks reports whether something is missing in a record because of an error that the answer names.
func (a Answer) lacks(d *catalog.Dimension, record shape.Record) bool {
	if a.doubted == nil {
		return false
	}
	other, _, err := shape.MakeRecord(d, a.doubted)
	return err != nil || other.Version != record.Version || !bytes.Equal(other.Body, record.Body)
}

// tombstone is the life of an entity that its upstream does not know. A tombstone of one that was never alive expires
// soon, so that made-up ids do not fill the store.
func tombstone(held kv.Record) kv.Existence {
	if held.Existence == kv.Alive || held.Existence == kv.Gone {
		return kv.Gone
	}
	return kv.Unknown
}
