package upstream

import (
	"fmt"
	"net/http"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
	"vitrine/internal/shape"
)

// An answer may say "not now" in three ways: by its status, by GraphQL's errors, and by what the catalog's fails finds in
// it. All three are an outage: the upstream is asked again for as long as it takes, and nothing is stored or deleted.

// notNow fails with item.ErrUnavailable if an answer of any status says "not now", and with item.ErrRefused if that can't
// be distinguished from a good one.
func (c *Client) notNow(r request, res *response) error {
	if r.fails != nil {
		failed, err := shape.Truth(r.fails, res.body)
		switch {
		case err != nil && res.good():
			return c.fault(ByFails, r.from, *res, r.failed(fmt.Errorf("fails: %w; %s", err, c.words(r.from, res.status, res.body))))
		case err == nil && failed:
			return c.fault(ByFails, r.from, *res, r.failed(fmt.Errorf("%w: the catalog's fails says not now: %s", item.ErrUnavailable, c.words(r.from, res.status, res.body))))
		}
		return nil
	}
	decides := res.good() || res.status == http.StatusNotFound || res.status == http.StatusGone
	if r.body == nil || !decides {
		return nil
	}
	errors, failed := queryErrors(res.body)
	if failed {
		return c.fault(ByErrors, r.from, *res, r.failed(fmt.Errorf("%w: GraphQL errors and no data: %s", item.ErrUnavailable, c.words(r.from, res.status, res.body))))
	}
	res.partial = errors
	if errors {
		res.doubts = doubtsOf(res.body)
	}
	return nil
}

// unwell reports whether a status means that the upstream can't answer now. An expired login, or a proxy without one,
// says nothing about the entity either.
func unwell(code int) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500
}

// quoted is how many bytes of an answer are quoted to say why it was refused.
const quoted = 300

// words quotes an answer for an operator, on one line and without secrets.
func (c *Client) words(u *catalog.Upstream, status int, body []byte) string {
	text := string(body[:min(len(body), maxDrain)])
	text = redact.Shown(c.conceal(u, strings.Join(strings.Fields(text), " "))) // before it is cut: half a secret is none that can be recognised
	if text == "" {
		return fmt.Sprintf("answered %d", status)
	}
	return fmt.Sprintf("answered %d: %s", status, item.Clip(text, quoted))
}
