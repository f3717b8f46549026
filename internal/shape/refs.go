package shape

import (
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Refs reads what a record refers to. Null, empty and 0 are no refs; an invalid id is left out.
func Refs(d *catalog.Dimension, body []byte) kv.Refs {
	var refs kv.Refs
	for _, r := range d.Refs {
		v, _ := Lookup(body, r.Field)
		ids := idsOf(v, r.Max)
		if len(ids) == 0 {
			continue
		}
		if refs == nil {
			refs = kv.Refs{}
		}
		refs[r.Name] = kv.Ref{IDs: ids, List: v.IsArray()}
	}
	return refs
}

// idsOf lists the distinct ids in a field, at most limit.
func idsOf(v gjson.Result, limit int) (ids []string) {
	seen := map[string]bool{}
	keep := func(_, e gjson.Result) bool {
		if id, ok := idOf(e); ok && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
		return len(ids) < limit
	}
	if v.IsArray() {
		v.ForEach(keep)
	} else {
		keep(v, v)
	}
	return ids
}

// idOf is a string, or a number as written.
func idOf(v gjson.Result) (id string, ok bool) {
	switch v.Type {
	case gjson.String:
		id = v.Str
	case gjson.Number:
		id = v.Raw
		if strings.Trim(id, "0123456789") != "" || id == "0" {
			return "", false
		}
	}
	return id, item.CheckID(id) == nil
}
