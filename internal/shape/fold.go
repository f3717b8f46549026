package shape

import (
	"fmt"
	"strconv"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Fold makes a blob from an entity's records, given by dimension; its Stamp is left 0. The first dimension is the root:
// without its record there is no blob, which the value's Life says. If the root's record is missing, the value is
// kv.Header.Rootless. Errors wrap item.ErrRefused.
func Fold(b *catalog.Blob, e item.Entity, records map[string]kv.Record) (kv.Value, error) {
	root := records[b.Of[0].Name]
	v := kv.Value{Header: kv.Header{Existence: root.Existence, Version: root.Version, Fetched: root.Fetched, Event: root.Event, Source: root.Source, Shape: blobOf(b, records)}}
	switch root.Existence {
	case kv.Absent:
		v.Existence = kv.Unknown
		v.Fetched = time.Time{}
		return v, nil
	case kv.Gone, kv.Unknown:
		return v, nil
	}
	v.Body = []byte{'{'}
	for _, d := range b.Of {
		r := records[d.Name]
		if r.Existence != kv.Alive {
			continue
		}
		if len(v.Body) > 1 {
			v.Body = append(v.Body, ',')
		}
		v.Body = append(append(strconv.AppendQuote(v.Body, d.Name), ':'), r.Body...)
		v.Fetched, v.Event = latest(v.Fetched, r.Fetched), latest(v.Event, r.Event)
		for name, ref := range Refs(d, r.Body) {
			if v.Refs == nil {
				v.Refs = kv.Refs{}
			}
			v.Refs[name] = ref
		}
	}
	v.Body = append(v.Body, '}')
	if b.Fold == nil {
		return v, nil
	}
	var err error
	v.Body, v.HTML, err = refold(b, v.Body)
	if err != nil {
		return kv.Value{}, fmt.Errorf("fold: %w", err)
	}
	if v.Body[0] != '{' {
		return kv.Value{}, fmt.Errorf("%w: fold gives %.40q, not an object", item.ErrRefused, v.Body)
	}
	return v, nil
}

// refold runs a blob's fold on its records, and returns where the result has their HTML.
func refold(b *catalog.Blob, records []byte) (folded []byte, html []uint32, err error) {
	v, err := decode(records, blobDepth)
	if err != nil {
		return nil, nil, err
	}
	marked := markHTML(b, v)
	err = run(b.Fold, v, func(out any) (err error) {
		folded, err = encode(out, blobDepth)
		if err == nil {
			html = marked.places(out, folded)
		}
		return err
	})
	return folded, html, err
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
