package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// A catalog names secrets, "env:NAME" as the value of a header, and anybody who may push can push one. The environment
// of a process belongs to its operator alone, who says where each variable may be sent. Otherwise a pushed catalog
// could have any variable sent to any address.

// ErrSecret is a secret that can't be sent: it is not set, or must not be sent there.
var ErrSecret = errors.New("secret")

// Secrets are the environment variables that upstreams may be sent, and their origins. The zero value allows none.
type Secrets struct {
	allowed map[string][]string // variable → origins
	lookup  func(string) (string, bool)
}

// NewSecrets parses NAME=ORIGIN, such as PRODUCTS_TOKEN=https://products.example:8443: the variable may be sent to that
// origin. lookup defaults to the environment.
func NewSecrets(pairs []string, lookup func(string) (string, bool)) (*Secrets, error) {
	s := &Secrets{allowed: map[string][]string{}, lookup: lookup}
	if lookup == nil {
		s.lookup = os.LookupEnv
	}
	for _, pair := range pairs {
		name, base, ok := strings.Cut(pair, "=")
		at := origin(base)
		if !ok || name == "" || at == "" {
			return nil, fmt.Errorf("%w: %.80q is not NAME=ORIGIN, such as PRODUCTS_TOKEN=https://products.example", ErrSecret, pair)
		}
		s.allowed[name] = append(s.allowed[name], at)
	}
	return s, nil
}

// Trust allows all that a catalog asks for. It is for a file of this machine that its operator has named.
func (s *Secrets) Trust(c *catalog.Catalog) {
	for _, u := range c.Upstreams {
		for _, value := range u.Headers {
			if name, ok := strings.CutPrefix(value, "env:"); ok {
				s.allowed[name] = append(s.allowed[name], origin(u.URL))
			}
		}
	}
}

// Check lists what a catalog asks for and must not or can't be sent. Only those upstreams are affected.
func (s *Secrets) Check(c *catalog.Catalog) (faults []error) {
	for _, u := range c.Upstreams {
		if _, err := s.headers(u); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

// headers are the headers that the catalog sends to an upstream, with the secrets filled in. Errors wrap ErrSecret.
func (s *Secrets) headers(u *catalog.Upstream) (map[string]string, error) {
	sent := make(map[string]string, len(u.Headers))
	for header, value := range u.Headers {
		if name, ok := strings.CutPrefix(value, "env:"); ok {
			var err error
			value, err = s.value(name, u.URL)
			if err != nil {
				return nil, fmt.Errorf("%w: upstream %s, header %s: %w", item.ErrUnavailable, u.Name, header, err)
			}
		}
		sent[header] = value
	}
	return sent, nil
}

func (s *Secrets) value(name, base string) (string, error) {
	if s == nil || !slices.Contains(s.allowed[name], origin(base)) {
		return "", fmt.Errorf("%w: %s may not be sent to %s; its operator allows that by: --secret %s=%s", ErrSecret, name, origin(base), name, origin(base))
	}
	value, ok := s.lookup(name)
	switch {
	case !ok:
		return "", fmt.Errorf("%w: the environment of this process has no %s", ErrSecret, name)
	case strings.ContainsAny(value, "\r\n\x00"):
		return "", fmt.Errorf("%w: %s has bytes that no header may have; does it end in a line break?", ErrSecret, name)
	}
	return value, nil
}

// origin is the scheme and host of a base URL; "" if it has none.
func origin(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
