package bus

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"vitrine/internal/redact"
)

// Login says how to log in to NATS where its URL does not: by files, which no list of processes shows. They are read again for
// each connection, so that they can be replaced while a process runs. At most one of Creds, NKey and File is given, and none
// where the URL has a user.
type Login struct {
	Creds string // a user's JWT and the seed of its key, as nsc writes them
	NKey  string // the seed of a user's key
	File  string // one line: USER:PASSWORD, or a token

	CA   string // the certificates of who may vouch for the server; defaults to the system's
	Cert string // the client's own certificate, with Key
	Key  string
}

// over is a login to another account of the same servers, whose certificates are the same as base's.
func (l Login) over(base Login) Login {
	l.CA = base.CA
	l.Cert = base.Cert
	l.Key = base.Key
	return l
}

// options are those of the client library. Its errors name the file, and nothing that is in it.
func (l Login) options(address string) (opts []nats.Option, err error) {
	if err := l.check(address); err != nil {
		return nil, err
	}
	switch {
	case l.Creds != "":
		opts = append(opts, nats.UserCredentials(l.Creds))
	case l.NKey != "":
		opt, err := nats.NkeyOptionFromSeed(l.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats-nkey: %s can't be read, or holds no seed of a user's nkey, which begins with SU", l.NKey)
		}
		opts = append(opts, opt)
	case l.File != "":
		opts = append(opts, fileLogin(l.File))
	}
	if l.CA != "" {
		opts = append(opts, nats.RootCAs(l.CA))
	}
	if l.Cert != "" {
		opts = append(opts, nats.ClientCert(l.Cert, l.Key))
	}
	return opts, nil
}

// fileLogin has the file read for each connection. Where it can't be read any more, NATS refuses the connection.
func fileLogin(path string) nats.Option {
	if user, _, _ := readLogin(path); user == "" { // check has read it
		return nats.TokenHandler(func() string {
			defer redact.Crash()
			_, token, _ := readLogin(path)
			return token
		})
	}
	return nats.UserInfoHandler(func() (string, string) {
		defer redact.Crash()
		user, password, _ := readLogin(path)
		return user, password
	})
}

// check refuses what contradicts itself, and files that don't hold what they should.
func (l Login) check(address string) error {
	ways := 0
	for _, way := range []string{l.Creds, l.NKey, l.File} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("log in to NATS by one of nats-creds, nats-nkey and nats-login")
	case ways == 1 && userOf(address) != "":
		return errors.New("the URL of NATS has a user, and a file to log in with is given as well: leave one out")
	case (l.Cert == "") != (l.Key == ""):
		return errors.New("a client's certificate for NATS takes both nats-cert and nats-key")
	}
	if _, _, err := readLogin(l.File); err != nil {
		return err
	}
	return errors.Join(l.checkCreds(), l.checkTLS())
}

func (l Login) checkCreds() error {
	if l.Creds == "" {
		return nil
	}
	text, err := os.ReadFile(l.Creds)
	if err != nil {
		return fmt.Errorf("nats-creds: %w", err)
	}
	_, err = nkeys.ParseDecoratedJWT(text)
	if err == nil {
		_, err = nkeys.ParseDecoratedUserNKey(text)
	}
	if err != nil {
		return fmt.Errorf("nats-creds: %s does not hold a user's JWT and seed, as nsc writes them", l.Creds)
	}
	return nil
}

func (l Login) checkTLS() error {
	if l.CA != "" {
		text, err := os.ReadFile(l.CA)
		if err != nil {
			return fmt.Errorf("nats-ca: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(text) {
			return fmt.Errorf("nats-ca: %s holds no certificate (PEM)", l.CA)
		}
	}
	if l.Cert != "" {
		if _, err := tls.LoadX509KeyPair(l.Cert, l.Key); err != nil {
			return fmt.Errorf("nats-cert %s, nats-key %s: %w", l.Cert, l.Key, err)
		}
	}
	return nil
}

// readLogin reads USER:PASSWORD, or a token, which comes back as a password without a user. A path of "" holds nothing.
func readLogin(path string) (user, password string, err error) {
	if path == "" {
		return "", "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("nats-login: %w", err)
	}
	line := strings.TrimSpace(string(text))
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", "", fmt.Errorf("nats-login: %s is not one line: USER:PASSWORD, or a token", path)
	}
	user, password, ok := strings.Cut(line, ":")
	if !ok {
		return "", line, nil
	}
	return user, password, nil
}

// inbox is the prefix of the subjects on which answers come.
func (l Login) inbox(address string) string {
	user, _, _ := readLogin(l.File) // it is read above
	return inboxPrefix(cmp.Or(user, userOf(address)))
}

// userOf is the user in the URL of the first of several servers.
func userOf(address string) string {
	first, _, _ := strings.Cut(address, ",")
	u, err := url.Parse(strings.TrimSpace(first))
	if err != nil || u.User == nil {
		return ""
	}
	return u.User.Username()
}
