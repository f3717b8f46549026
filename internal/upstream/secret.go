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

// A catalog names secrets, and anybody who may push can push one: a variable of the environment ("env:NAME" as the value of
// a header, or as the secret of an OAuth2 client), a file with a token, a command that prints one. They belong to the operator
// of a process alone, who says where each may be sent. Otherwise a pushed catalog could have any variable or file sent to
// any address, and any command run.
//
// They are called NAME, "file:PATH" and "command:WORDS". A fourth one is a token that was bought with an allowed secret:
// "token:ORIGIN", of a token endpoint, which may go back to that origin, and to others if the operator says so.

// ErrSecret is a secret that can't be sent: it is not set, or must not be sent there.
var ErrSecret = errors.New("secret")

// The beginnings of the names of secrets that are no variables.
const (
	fileSecret    = "file:"
	commandSecret = "command:"
	tokenSecret   = "token:"
)

// Secrets are the secrets that upstreams may be sent, and their origins. The zero value allows none.
type Secrets struct {
	allowed map[string][]string // secret → origins
	lookup  func(string) (string, bool)
}

// NewSecrets parses NAME=ORIGIN, such as PRODUCTS_TOKEN=https://products.example:8443: the secret may be sent to that
// origin. lookup gives variables, and defaults to the environment.
func NewSecrets(pairs []string, lookup func(string) (string, bool)) (*Secrets, error) {
	s := &Secrets{allowed: map[string][]string{}, lookup: lookup}
	if lookup == nil {
		s.lookup = os.LookupEnv
	}
	for _, pair := range pairs {
		cut := strings.LastIndexByte(pair, '=')
		name, at := nameOf(pair[:max(cut, 0)]), origin(pair[cut+1:])
		if name == "" || at == "" {
			return nil, fmt.Errorf("%w: %.80q is not NAME=ORIGIN, such as PRODUCTS_TOKEN=https://products.example", ErrSecret, pair)
		}
		s.allowed[name] = append(s.allowed[name], at)
	}
	return s, nil
}

// nameOf is the name of a secret as it is compared: the words of a command with single blanks between them, the origin of a
// token endpoint without its path.
func nameOf(given string) string {
	if words, ok := strings.CutPrefix(given, commandSecret); ok {
		return commandSecret + strings.Join(strings.Fields(words), " ")
	}
	if base, ok := strings.CutPrefix(given, tokenSecret); ok {
		return tokenSecret + origin(base)
	}
	return given
}

// Trust allows all that a catalog asks for but commands. It is for a file of this machine that its operator has named. Who
// tries a stranger's catalog names it, too, and must not run what it says.
func (s *Secrets) Trust(c *catalog.Catalog) {
	for _, u := range c.Upstreams {
		for _, n := range needs(u) {
			if !strings.HasPrefix(n.secret, commandSecret) {
				s.allowed[n.secret] = append(s.allowed[n.secret], origin(n.base))
			}
		}
	}
}

// need is a secret that an upstream's calls take, and the URL that it is sent to.
type need struct{ secret, base, what string }

func needs(u *catalog.Upstream) (all []need) {
	for header, value := range u.Headers {
		if name, ok := strings.CutPrefix(value, "env:"); ok {
			all = append(all, need{name, u.URL, "header " + header})
		}
	}
	if name, ok := strings.CutPrefix(u.Password, "env:"); ok {
		all = append(all, need{name, u.URL, "password"})
	}
	t := u.Token
	switch {
	case t == nil:
	case t.File != "":
		all = append(all, need{fileSecret + t.File, u.URL, "token"})
	case t.Command != nil:
		all = append(all, need{commandSecret + strings.Join(t.Command, " "), u.URL, "token"})
	default:
		all = append(all, need{t.Secret, t.URL, "token"})
		if name, ok := strings.CutPrefix(t.Client, "env:"); ok {
			all = append(all, need{name, t.URL, "token"})
		}
		if origin(t.URL) != origin(u.URL) {
			all = append(all, need{tokenSecret + origin(t.URL), u.URL, "token"})
		}
	}
	return all
}

// Check lists what a catalog asks for and must not or can't be sent. Only those upstreams are affected.
func (s *Secrets) Check(c *catalog.Catalog) (faults []error) {
	for _, u := range c.Upstreams {
		if err := s.check(u); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

// check fails for the first secret of an upstream that must not or can't be sent. Errors wrap item.ErrUnavailable and ErrSecret.
func (s *Secrets) check(u *catalog.Upstream) error {
	for _, n := range needs(u) {
		if err := s.permit(n); err != nil {
			return fmt.Errorf("%w: upstream %s, %s: %w", item.ErrUnavailable, u.Name, n.what, err)
		}
		if strings.ContainsRune(n.secret, ':') {
			continue // no variable
		}
		if _, err := s.value(n.secret, n.base); err != nil {
			return fmt.Errorf("%w: upstream %s, %s: %w", item.ErrUnavailable, u.Name, n.what, err)
		}
	}
	return nil
}

// permit fails unless a secret may be sent where it is needed.
func (s *Secrets) permit(n need) error {
	to := origin(n.base)
	if s != nil && slices.Contains(s.allowed[n.secret], to) {
		return nil
	}
	pair := n.secret + "=" + to
	if strings.ContainsRune(pair, ' ') {
		pair = "'" + pair + "'"
	}
	what := "may not be sent to"
	if strings.HasPrefix(n.secret, commandSecret) {
		what = "may not be run for"
	}
	return fmt.Errorf("%w: %s %s %s; its operator allows that by: --secret %s", ErrSecret, n.secret, what, to, pair)
}

// headers are the headers that the catalog sends to an upstream, with the variables filled in. Errors wrap ErrSecret.
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

// password is the password of a database. Errors wrap item.ErrUnavailable and ErrSecret.
func (s *Secrets) password(u *catalog.Upstream) (string, error) {
	name, ok := strings.CutPrefix(u.Password, "env:")
	if !ok {
		return "", nil
	}
	value, err := s.value(name, u.URL)
	if err != nil {
		return "", fmt.Errorf("%w: upstream %s, password: %w", item.ErrUnavailable, u.Name, err)
	}
	return value, nil
}

// value gives a variable that may be sent to a URL.
func (s *Secrets) value(name, base string) (string, error) {
	if err := s.permit(need{secret: name, base: base}); err != nil {
		return "", err
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
