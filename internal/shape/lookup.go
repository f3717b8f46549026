package shape

import (
	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
)

// Lookup finds the value at a path in valid JSON. A step is an exact key of an object, never an index or a pattern. Of
// duplicate keys the last counts, as in every decoder.
func Lookup(body []byte, p catalog.Path) (gjson.Result, bool) {
	at := gjson.ParseBytes(body)
	for _, step := range p {
		if !at.IsObject() {
			return gjson.Result{}, false
		}
		var found gjson.Result
		at.ForEach(func(key, value gjson.Result) bool {
			if key.Str == step {
				found = value
			}
			return true
		})
		at = found
	}
	return at, at.Exists() && len(p) > 0
}
