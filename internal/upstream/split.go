package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// split takes a batch answer apart: an array of elements that each hold their id, or an object keyed by
// id. An element that is null counts as missing. Of ids that nobody asked for nothing is kept; of one that
// comes twice, the last.
func split(body []byte, d *catalog.Dimension, ids []string) (map[string][]byte, error) {
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	found := make(map[string][]byte, len(ids))
	keep := func(id string, element []byte) {
		if asked[id] && string(element) != "null" {
			found[id] = element
		}
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case bytes.HasPrefix(trimmed, []byte("[")):
		var elements []json.RawMessage
		if err := json.Unmarshal(body, &elements); err != nil {
			return nil, fmt.Errorf("%w: the batch is no JSON: %w", item.ErrRefused, err)
		}
		for _, e := range elements {
			if id, ok := shape.Lookup(e, d.IDField); ok && (id.Type == gjson.String || id.Type == gjson.Number) {
				keep(textOf(id), e)
			}
		}
	case bytes.HasPrefix(trimmed, []byte("{")):
		var elements map[string]json.RawMessage
		if err := json.Unmarshal(body, &elements); err != nil {
			return nil, fmt.Errorf("%w: the batch is no JSON: %w", item.ErrRefused, err)
		}
		for id, e := range elements {
			keep(id, e)
		}
	default:
		return nil, fmt.Errorf("%w: a batch must be an array or an object, not %.40q", item.ErrRefused, trimmed)
	}
	return found, nil
}

// textOf is an id as text: a number as it was written.
func textOf(id gjson.Result) string {
	if id.Type == gjson.String {
		return id.Str
	}
	return id.Raw
}

// fill puts ids into the JSON of a post: the text "{id}" becomes the first as a string, or in a batch
// "{ids}" becomes all as an array.
func fill(p *catalog.Post, ids []string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(p.JSON))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if p.Batch {
		return json.Marshal(put(v, "{ids}", ids))
	}
	return json.Marshal(put(v, "{id}", ids[0]))
}

// put replaces a text within JSON. It works on the structure: an id that reads like a placeholder, or
// like JSON, stays an id.
func put(v any, text string, value any) any {
	switch v := v.(type) {
	case string:
		if v == text {
			return value
		}
	case []any:
		for i := range v {
			v[i] = put(v[i], text, value)
		}
	case map[string]any:
		for k := range v {
			v[k] = put(v[k], text, value)
		}
	}
	return v
}
