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

// parts is a split batch answer.
type parts struct {
	found map[string][]byte // id → element
	whole bool              // it contains only elements of the expected form, so an absent id is known to be missing

	doubted map[string][]byte // id → the element with texts in place of fields that failed, where there are such
}

// doubt finds the elements that depend on fields which failed: those that differ in a copy of the answer without the elements of its lists
// that such fields are in. If that copy can't be split, all are compared with the one that has texts in place of these fields; what that one
// does not have is doubted.
func (p *parts) doubt(d *catalog.Dimension, of *doubts, ids []string) {
	texts, _ := itemsOf(d, of.texts, ids)
	without, err := itemsOf(d, of.without, ids)
	p.doubted = map[string][]byte{}
	for id, element := range p.found {
		if err == nil && bytes.Equal(element, without.found[id]) {
			continue
		}
		other := texts.found[id]
		if other == nil {
			other = []byte("null")
		}
		if !bytes.Equal(element, other) {
			p.doubted[id] = other
		}
	}
}

// split splits a batch answer: an array of elements that each contain their id, or an object keyed by id. An element
// that is null counts as missing. Ids that were not requested are dropped; of an id that occurs twice the last counts.
//
// An error in an envelope, such as {"error":"overloaded"}, is an object, too, and lacks every id. So an answer is whole
// only if each element of an array has an id, and each key of an object was requested.
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

// textOf is an id as text: a number as written.
func textOf(id gjson.Result) string {
	if id.Type == gjson.String {
		return id.Str
	}
	return id.Raw
}

// fill puts values into the JSON of a post, each in place of the texts that are its placeholder.
func fill(p *catalog.Post, values map[string]any) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(p.JSON))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(put(v, values))
}

// put replaces texts within JSON. It works on the structure, so an id that looks like a placeholder, or like JSON,
// stays an id.
func put(v any, values map[string]any) any {
	switch v := v.(type) {
	case string:
		if value, ok := values[v]; ok {
			return value
		}
	case []any:
		for i := range v {
			v[i] = put(v[i], values)
		}
	case map[string]any:
		for k := range v {
			v[k] = put(v[k], values)
		}
	}
	return v
}
