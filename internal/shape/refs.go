package shape

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Refs reads what a record refers to. Null, empty and 0 are none; what can't be an id is left out.
func Refs(d *catalog.Dimension, body []byte) kv.Refs {
	var refs kv.Refs
	for _, r := range d.Refs {
		v, ok := Lookup(body, r.Field)
		if !ok {
			continue
		}
		ref := kv.Ref{List: v.IsArray()}
		if !ref.List {
			ref.IDs = appendID(nil, v)
		} else {
			v.ForEach(func(_, e gjson.Result) bool {
				ref.IDs = appendID(ref.IDs, e)
				return len(ref.IDs) < r.Max
			})
		}
		if len(ref.IDs) > 0 {
			if refs == nil {
				refs = kv.Refs{}
			}
			refs[r.Name] = ref
		}
	}
	return refs
}

func appendID(ids []string, v gjson.Result) []string {
	id := v.Raw
	switch v.Type {
	case gjson.String:
		id = v.Str
	case gjson.Number:
		if strings.Trim(id, "0123456789") != "" || strings.Trim(id, "0") == "" {
			return ids
		}
	default:
		return ids
	}
	if item.CheckID(id) != nil || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}
