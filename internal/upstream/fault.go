package upstream

import (
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Fault is the error of an answer that came and can't be used. It wraps item.ErrUnavailable or item.ErrRefused.
type Fault struct {
	Why    Why
	Status int
	Paths  string // where the answer has values, as jq writes it: .items[].sku, .more; "" if it is no JSON
	err    error
}

// Why is what of an answer makes it a Fault.
type Why byte

// The reasons.
const (
	ByStatus Why = iota + 1
	ByErrors     // GraphQL's errors
	ByFails      // the catalog's fails
	ByForm       // the catalog's jq, or a batch, finds something else than the catalog says
)

func (f *Fault) Error() string { return f.err.Error() }
func (f *Fault) Unwrap() error { return f.err }

// fault makes err a Fault of an answer.
func (c *Client) fault(why Why, u *catalog.Upstream, res response, err error) error {
	text := c.conceal(u, strings.Join(pathsIn(gjson.ParseBytes(res.body), "", nil), ", "))
	return &Fault{why, res.status, item.Clip(redact.Shown(text), quoted), err}
}

// pathsMost is how many paths of an answer are listed, and pathDepth the most steps of one.
const (
	pathsMost = 30
	pathDepth = 8
)

// pathsIn appends the paths of what an answer has, of lists that of the first element.
func pathsIn(v gjson.Result, at string, found []string) []string {
	switch {
	case len(found) == pathsMost:
	case v.IsArray() && strings.Count(at, "[]") < pathDepth:
		return pathsIn(v.Get("0"), at+"[]", found)
	case v.IsObject() && strings.Count(at, ".") < pathDepth:
		v.ForEach(func(key, value gjson.Result) bool {
			found = pathsIn(value, at+"."+key.Str, found)
			return len(found) < pathsMost
		})
	case at != "":
		found = append(found, at)
	}
	return found
}
