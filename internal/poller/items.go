package poller

import (
	"bytes"
	"encoding/json"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// listed is one item of a list.
type listed struct {
	change  item.Change
	version item.Version // "" if the list gives none
}

// itemsOf reads what a poll's items gives: a list of ids, or of {id, kind, dimension, version}. Items that can't be one
// are counted, and the first one's fault is returned. err is that of an answer that is no list.
func itemsOf(cat *catalog.Catalog, p *catalog.Poll, given []byte) (items []listed, refused int, first, err error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(given, &raw); err != nil || raw == nil {
		return nil, 0, nil, fmt.Errorf("items gives %.40q, not an array", given)
	}
	for _, r := range raw {
		it, err := itemOf(cat, p, r)
		if err != nil {
			refused++
			if first == nil {
				first = err
			}
			continue
		}
		items = append(items, it)
	}
	return items, refused, first, nil
}

func itemOf(cat *catalog.Catalog, p *catalog.Poll, raw json.RawMessage) (it listed, err error) {
	fields := struct {
		Kind, Dimension string
		ID, Version     json.RawMessage
	}{Kind: p.Kind.Name, Dimension: p.Dimension, ID: raw}
	if raw[0] == '{' {
		fields.ID = nil
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&fields); err != nil {
			return it, fmt.Errorf("%w: an item is an id, or {id, kind, dimension, version}: %w", item.ErrRefused, err)
		}
	}
	id, ok := item.Scalar(fields.ID)
	if !ok {
		return it, fmt.Errorf("%w: an item's id is %.40q, neither text nor a whole number", item.ErrID, fields.ID)
	}
	it.change = item.Change{Lane: p.Lane, Dimension: fields.Dimension}
	it.change.Entity, err = item.NewEntity(fields.Kind, id)
	if err != nil {
		return it, err
	}
	if err := cat.Announces(fields.Kind, fields.Dimension); err != nil {
		return it, err
	}
	return it, it.readVersion(cat, fields.Version)
}

// readVersion reads an item's version, which is that of a record.
func (it *listed) readVersion(cat *catalog.Catalog, raw json.RawMessage) (err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	d, err := cat.Dimension(it.change.Entity.Kind, it.change.Dimension)
	if err != nil {
		return fmt.Errorf("a version is of one dimension: %w", err)
	}
	if len(d.Version) == 0 {
		return fmt.Errorf("%w: the dimension %s has no version to compare the item's with", item.ErrVersion, d.Name)
	}
	text, _ := item.Scalar(raw)
	it.version, err = item.NewVersion(text)
	return err
}
