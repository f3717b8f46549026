package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// errDenied is the error of a request whose sender did not prove that it knows the secret.
var errDenied = errors.New("not authorised")

// SignatureHeader is the header with the signature of a request to POST /notify: "sha256=" and, in hex, the HMAC-SHA256 of the body with the
// token as its key.
const SignatureHeader = "X-Vitrine-Signature"

// leastSecret is the least length of a secret, in bytes.
const leastSecret = 16

// Secret returns the value of the environment variable that given names as env:NAME. lookup defaults to os.LookupEnv. It fails if given has
// another form, or if the variable is missing or shorter than 16 bytes. Its errors wrap nothing. They show neither the value nor given,
// which may itself be a secret.
func Secret(given string, lookup func(string) (string, bool)) (string, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	name, ok := strings.CutPrefix(given, "env:")
	if !ok || name == "" {
		return "", errors.New("write env:NAME, the variable of the environment that holds the secret: others can read a command line")
	}
	secret, ok := lookup(name)
	switch {
	case !ok:
		return "", fmt.Errorf("the environment of this process has no %s", name)
	case len(secret) < leastSecret:
		return "", fmt.Errorf("%s has fewer than %d bytes: make one with openssl rand -hex 32", name, leastSecret)
	}
	return secret, nil
}

// ownSender checks that a request carries the token or is signed with it. Errors wrap errDenied.
func ownSender(token string, q request) error {
	if token == "" {
		return fmt.Errorf("%w: this process was started without --notify-token, so that POST /notify takes nothing", errDenied)
	}
	if given, ok := strings.CutPrefix(q.header.Get("Authorization"), "Bearer "); ok {
		return equal(token, given, "the bearer token is another one")
	}
	if given, ok := strings.CutPrefix(q.header.Get(SignatureHeader), "sha256="); ok {
		return equal(hex.EncodeToString(sum(token, q.body)), strings.ToLower(given), SignatureHeader+" is no HMAC-SHA256 of this body with the token")
	}
	return fmt.Errorf("%w: send Authorization: Bearer TOKEN, or %s: sha256=HMAC", errDenied, SignatureHeader)
}

// sum returns the HMAC-SHA256 of a body.
func sum(secret string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return h.Sum(nil)
}

// equal fails with an error that wraps errDenied and says fault unless the two texts are equal. What given differs in does not show in the
// time that it takes.
func equal(want, given, fault string) error {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return fmt.Errorf("%w: %s", errDenied, fault)
	}
	return nil
}

// errNoSource is the error of a path that names no source.
var errNoSource = errors.New("not found")

// logLimit limits how often a line is logged. It is safe for concurrent use.
type logLimit struct {
	mu    sync.Mutex           // guards until
	until map[string]time.Time // line → time from which it may be logged again
}

// allow reports whether a line may be logged now: each may once in ten seconds.
func (l *logLimit) allow(line string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.until[line]) {
		return false
	}
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	l.until[line] = now.Add(10 * time.Second)
	return true
}
