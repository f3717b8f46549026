package upstream

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"vitrine/internal/catalog"
)

// An upstream may echo what it was sent, in an error or as the target of a redirect. Errors are logged, queued and
// displayed.

// shortest is the least length of a word in a header that is treated as a secret, which excludes "Bearer".
const shortest = 8

// concealedError is an error whose text has no secrets.
type concealedError struct {
	error
	text string
}

func (e concealedError) Error() string { return e.text }
func (e concealedError) Unwrap() error { return e.error }

// concealed masks the secrets of an upstream in the text of err.
func (c *Client) concealed(u *catalog.Upstream, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	masked := c.conceal(u, text)
	if masked == text {
		return err
	}
	return concealedError{err, masked}
}

// conceal masks in text what the calls of an upstream, and of its token endpoint, are sent.
func (c *Client) conceal(u *catalog.Upstream, text string) string {
	if k := c.keeperOf(u.Name); k != nil {
		text = masked(text, k.given()...)
	}
	return masked(text, c.Secrets.sent(u)...)
}

// sent are the variables that an upstream, or its token endpoint, is sent.
func (s *Secrets) sent(u *catalog.Upstream) (values []string) {
	for _, n := range needs(u) {
		if value, err := s.value(n.secret, n.base); err == nil { // otherwise it was not sent
			values = append(values, value)
		}
	}
	if t := u.Token; t != nil && t.URL != "" {
		client, secret, err := s.credentials(t)
		if err == nil {
			values = append(values, base64.StdEncoding.EncodeToString([]byte(basic(client, secret))))
		}
	}
	return values
}

// masked masks secrets in text, and the words of each: as they are, as they are escaped in URLs and in JSON.
func masked(text string, secrets ...string) string {
	for _, secret := range secrets {
		for _, word := range append(strings.Fields(secret), secret) {
			if len(word) < shortest {
				continue
			}
			quoted, _ := json.Marshal(word) // text always marshals
			inJSON := string(quoted[1 : len(quoted)-1])
			for _, form := range []string{word, url.QueryEscape(word), url.PathEscape(word), inJSON, strings.ReplaceAll(word, "/", `\/`)} {
				text = strings.ReplaceAll(text, form, "***")
			}
		}
	}
	return text
}
