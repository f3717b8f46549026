package upstream

import (
	"net/url"
	"strings"

	"vitrine/internal/catalog"
)

// An upstream may send back what it was sent, in an error or as the target of a redirect. Errors are logged, queued and shown.

// shortest is the length from which on a word of a header is taken for a secret; "Bearer" is none.
const shortest = 8

// concealedError has the text of an error without secrets.
type concealedError struct {
	error
	text string
}

func (e concealedError) Error() string { return e.text }
func (e concealedError) Unwrap() error { return e.error }

// concealed is err with the secrets of an upstream masked in its text.
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

// conceal masks the secrets of an upstream in text, as they are and as they stand in URLs.
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
