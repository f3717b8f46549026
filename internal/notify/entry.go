package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// errTooMuch is the error of a request that exceeds MaxBody or MaxChanges.
var errTooMuch = errors.New("too much")

// entry is one change as a sender wrote it.
type entry json.RawMessage

// split reads a change or a list of changes. Errors wrap item.ErrRefused.
func split(body []byte) ([]entry, error) {
	body, err := shape.Compact(body)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 || body[0] != '[' {
		return []entry{body}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	entries := make([]entry, len(list))
	for i, one := range list {
		entries[i] = entry(one)
	}
	return entries, nil
}

// change reads an entry as {"kind", "dimension", "id", "lane"}. The dimension defaults to all dimensions, and the lane to the given one. The id
// is a string or an integer. Errors wrap item.ErrRefused for another form, item.ErrName for a bad kind or lane, item.ErrID for a bad id, and
// item.ErrUnknown for a kind or a dimension that the catalog does not have.
func (e entry) change(cat *catalog.Catalog, lane item.Lane) (c item.Change, err error) {
	fields := struct {
		Kind      string          `json:"kind"`
		Dimension string          `json:"dimension"`
		ID        json.RawMessage `json:"id"`
		Lane      string          `json:"lane"`
	}{Dimension: item.All, Lane: string(lane)}
	d := json.NewDecoder(bytes.NewReader(e))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil {
		return c, fmt.Errorf(`%w: a change is {"kind", "dimension", "id", "lane"}: %w`, item.ErrRefused, err)
	}
	id, ok := item.Scalar(fields.ID)
	if !ok {
		return c, fmt.Errorf("%w: id is %.40q, neither text nor a whole number", item.ErrID, fields.ID)
	}
	c.Dimension = fields.Dimension
	c.Lane, err = item.ParseLane(fields.Lane)
	if err != nil {
		return c, err
	}
	c.Entity, err = item.NewEntity(fields.Kind, id)
	if err != nil {
		return c, err
	}
	return c, cat.Announces(c.Entity.Kind, c.Dimension)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, err := json.Marshal(value)
	if err != nil {
		return // cannot happen: the types of this package always marshal
	}
	io.WriteString(w, string(body)+"\n")
}
