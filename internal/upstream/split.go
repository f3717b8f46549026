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

// parts is a batch answer, taken apart.
type parts struct {
	found map[string][]byte // id → element
	whole bool              // nothing in it but elements of the asked-for form, so that what is missing is known to be missing
}

// split takes a batch answer apart: an array of elements that each hold their id, or an object keyed by
// id. An element that is null counts as missing. Of ids that nobody asked for nothing is kept; of one that
// comes twice, the last.
//
// An error in an envelope, {"error":"overloaded"} say, is an object too, and lacks every id. So an answer is whole only
// where each element of an array holds an id, and each key of an object is one that was asked for.
func split(body []byte, d *catalog.Dimension, ids []string) (parts, error) {
	p := parts{found: make(map[string][]byte, len(ids)), whole: true}
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	keep := func(id string, element []byte) {
		if asked[id] && string(element) != "null" {
			p.found[id] = element
		}
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case bytes.HasPrefix(trimmed, []byte("[")):
		var elements []json.RawMessage
		if err := json.Unmarshal(body, &elements); err != nil {
			return parts{}, fmt.Errorf("%w: the batch is no JSON: %w", item.ErrRefused, err)
		}
		for _, e := range elements {
			id, ok := shape.Lookup(e, d.IDField)
			if ok && (id.Type == gjson.String || id.Type == gjson.Number) {
				keep(textOf(id), e)
			} else if string(e) != "null" {
				p.whole = false
			}
		}
	case bytes.HasPrefix(trimmed, []byte("{")):
		var elements map[string]json.RawMessage
		if err := json.Unmarshal(body, &elements); err != nil {
			return parts{}, fmt.Errorf("%w: the batch is no JSON: %w", item.ErrRefused, err)
		}
		for id, e := range elements {
			keep(id, e)
			p.whole = p.whole && asked[id]
		}
	default:
		return parts{}, fmt.Errorf("%w: a batch must be an array or an object, not %.40q", item.ErrRefused, trimmed)
	}
	return p, nil
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
