package trial

import (
	"errors"
	"fmt"
	"net/http"

	"vitrine/internal/catalog"
	"vitrine/internal/upstream"
)

// tryJQ is the hint for a program that fails.
const tryJQ = "try it on an answer that you have saved: jq '…' answer.json"

// why returns the key of the catalog that a failure of an upstream concerns, and a hint. reads is the key of what reads an answer, asks that of
// the request.
func why(u *catalog.Upstream, err error, reads, asks string) (key, hint string) {
	var f *upstream.Fault
	if u.SQL != "" {
		return asks, "run the query by hand, as the catalog's user: psql or mysql says the same"
	}
	if !errors.As(err, &f) {
		return asks, "does the upstream run at its url, and does it answer within its timeout and within this dimension's max_bytes?"
	}
	switch f.Why {
	case upstream.ByForm:
		return reads, "the answer has " + f.Paths
	case upstream.ByErrors:
		return asks, "the upstream refuses the query, in the words above: try it in the upstream's own console"
	case upstream.ByFails:
		hint = "fails is true for this answer: is it meant, and is the upstream well?"
		if f.Status == http.StatusNotFound {
			hint += " The path may be wrong, too"
		}
		return "fails", hint
	}
	switch f.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		hint = "is the path right? The upstream's url stands before it"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		hint = "are its headers or its token right, and may they read this?"
	case http.StatusTooManyRequests:
		hint = "write down what it allows: rate, and a smaller concurrency, of the upstream"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		hint = "the upstream says above what it does not understand: is it a parameter, a header that it needs, or an id of the wrong kind?"
	default:
		hint = fmt.Sprintf("the upstream itself says %d: is it well, and does it get what it expects?", f.Status)
	}
	return asks, hint
}
