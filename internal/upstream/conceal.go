package upstream

import (
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
func (s *Secrets) concealed(u *catalog.Upstream, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	masked := s.conceal(u, text)
	if masked == text {
		return err
	}
	return concealedError{err, masked}
}

// conceal masks the secrets of an upstream in text, as they are and as they are escaped in URLs.
func (s *Secrets) conceal(u *catalog.Upstream, text string) string {
	for _, value := range u.Headers {
		name, ok := strings.CutPrefix(value, "env:")
		if !ok {
			continue
		}
		secret, err := s.value(name, u.URL)
		if err != nil {
			continue // it was not sent
		}
		for _, word := range append(strings.Fields(secret), secret) {
			if len(word) < shortest {
				continue
			}
			text = strings.NewReplacer(word, "***", url.QueryEscape(word), "***", url.PathEscape(word), "***").Replace(text)
		}
	}
	return text
}
