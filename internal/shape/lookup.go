package shape

import (
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
)

// Lookup finds what stands at a path in JSON that is known to be valid. A step is an exact key.
func Lookup(body []byte, p catalog.Path) (gjson.Result, bool) {
	steps := make([]string, len(p))
	for i, step := range p {
		steps[i] = gjson.Escape(step)
	}
	r := gjson.GetBytes(body, strings.Join(steps, "."))
	return r, r.Exists()
}
