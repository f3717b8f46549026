package upstream

import (
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// refusesToken reports whether an answer refuses the token that its request carried: by the status 401, by what the catalog's
// refused finds in it, or by GraphQL's usual code.
func refusesToken(r request, res response) bool {
	if r.from.Token == nil {
		return false
	}
	if res.status == http.StatusUnauthorized {
		return true
	}
	if refused := r.from.Token.Refused; refused != nil {
		found, err := shape.Truth(refused, res.body)
		return err == nil && found
	}
	envelope, _ := queryErrors(res.body)
	return r.body != nil && envelope && unauthenticated(res.body)
}

// unauthenticated reports whether one of GraphQL's errors has the code that servers give for a login that they don't accept.
func unauthenticated(body []byte) (found bool) {
	gjson.GetBytes(body, "errors").ForEach(func(_, e gjson.Result) bool {
		found = e.Get("extensions.code").Str == "UNAUTHENTICATED"
		return !found
	})
	return found
}

// refused fails if the catalog says that an answer refuses the token: then it is no answer, whatever it holds.
func (c *Client) refused(r request, res response) error {
	if !res.refusesToken || r.from.Token.Refused == nil || unwell(res.status) {
		return nil
	}
	return r.failed(fmt.Errorf("%w: the catalog's refused says that it refuses the token: %s", item.ErrUnavailable, c.words(r.from, res.status, res.body)))
}
