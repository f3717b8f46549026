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

// errTooMuch is a request above its bounds.
var errTooMuch = errors.New("too much")

// word is one change as a sender wrote it.
type word json.RawMessage

// split reads one change or a list of them. Errors wrap item.ErrRefused.
func split(body []byte) ([]word, error) {
	body, err := shape.Compact(body)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 || body[0] != '[' {
		return []word{body}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	words := make([]word, len(list))
	for i, one := range list {
		words[i] = word(one)
	}
	return words, nil
}

// change reads a word as {"kind", "dimension", "id", "lane"}. Dimension defaults to all of them, lane to the one given. An id may
// be a number.
func (w word) change(cat *catalog.Catalog, lane item.Lane) (c item.Change, err error) {
	fields := struct {
		Kind      string          `json:"kind"`
		Dimension string          `json:"dimension"`
		ID        json.RawMessage `json:"id"`
		Lane      string          `json:"lane"`
	}{Dimension: item.All, Lane: string(lane)}
	d := json.NewDecoder(bytes.NewReader(w))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil {
		return c, fmt.Errorf(`%w: a change is {"kind", "dimension", "id", "lane"}: %w`, item.ErrRefused, err)
	}
	id, err := text(fields.ID)
	if err != nil {
		return c, err
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

// text is a JSON string's text, or an integer as written: 1e3 and 1.0 are ways to write an id that no shop means.
func text(id json.RawMessage) (string, error) {
	var s string
	if len(id) > 0 && id[0] == '"' {
		return s, json.Unmarshal(id, &s)
	}
	if len(id) == 0 || len(bytes.Trim(id, "-0123456789")) > 0 {
		return "", fmt.Errorf("%w: id is %.40q, neither text nor a whole number", item.ErrID, id)
	}
	return string(id), nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, err := json.Marshal(value)
	if err != nil {
		return // types of this package always marshal
	}
	io.WriteString(w, string(body)+"\n")
}
