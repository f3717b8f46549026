package bus_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/testlog"
)

// file writes a file of the test.
func file(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// must returns v, which is there without an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestLogins proves for each way to log in that a server which requires it lets in who has it, and nobody else; and that what is
// said of that shows no secret.
func TestLogins(t *testing.T) {
	t.Parallel()
	userKey := must(nkeys.CreateUser())
	strangerKey := must(nkeys.CreateUser())
	authority := bustest.NewAuthority(t)
	serverCert, serverKey := authority.Issue(t, "server")
	clientCert, clientKey := authority.Issue(t, "client")
	stranger := bustest.NewAuthority(t)
	foreignCert, foreignKey := stranger.Issue(t, "client")
	operator := newOperator(t)
	foreignCreds := newOperator(t).creds(t)
	tests := []struct {
		name       string
		server     func(*server.Options)
		right      bus.Login
		wrong      bus.Login
		notToStand []string
	}{
		{
			"a user and a password", func(o *server.Options) { o.Username, o.Password = "worker", "hunter2-right" },
			bus.Login{File: file(t, []byte("worker:hunter2-right\n"))}, bus.Login{File: file(t, []byte("worker:hunter2-wrong"))},
			[]string{"hunter2"},
		},
		{
			"a token", func(o *server.Options) { o.Authorization = "hunter2-right" },
			bus.Login{File: file(t, []byte("hunter2-right"))}, bus.Login{File: file(t, []byte("hunter2-wrong"))},
			[]string{"hunter2"},
		},
		{
			"an nkey", func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: must(userKey.PublicKey())}} },
			bus.Login{NKey: file(t, must(userKey.Seed()))}, bus.Login{NKey: file(t, must(strangerKey.Seed()))},
			[]string{string(must(userKey.Seed())), string(must(strangerKey.Seed()))},
		},
		{
			"a JWT", operator.trust,
			bus.Login{Creds: operator.creds(t)}, bus.Login{Creds: foreignCreds},
			[]string{"SEED", "eyJ"},
		},
		{
			"a client's certificate", func(o *server.Options) {
				o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 10
				o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(serverCert, serverKey))}, ClientCAs: authority.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
			},
			bus.Login{CA: authority.File, Cert: clientCert, Key: clientKey}, bus.Login{CA: authority.File, Cert: foreignCert, Key: foreignKey},
			[]string{"PRIVATE"},
		},
		{
			"a server's certificate", func(o *server.Options) {
				o.TLS, o.TLSTimeout = true, 10
				o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(serverCert, serverKey))}}
			},
			bus.Login{CA: authority.File}, bus.Login{CA: stranger.File}, nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := bustest.Run(t, test.server).ClientURL()
			dial(t, bus.Config{URL: url, Login: test.right})
			for what, login := range map[string]bus.Login{"a stranger": test.wrong, "nobody": {}} {
				log := &testlog.Buffer{}
				c, err := bus.Dial(t.Context(), bus.Config{URL: url, Login: login, Log: slog.New(slog.NewTextHandler(log, nil))})
				if err == nil {
					c.Close()
					t.Errorf("%s was let in", what)
					continue
				}
				for _, secret := range test.notToStand {
					if strings.Contains(log.String()+err.Error(), secret) {
						t.Errorf("%s: a secret stands in %q, or in the log: %s", what, err, log.String())
					}
				}
			}
		})
	}
}

// TestLoginsThatCantBe proves that a login which can't be right is refused before anything is sent, by an error that names what is wrong
// and holds no secret.
func TestLoginsThatCantBe(t *testing.T) {
	t.Parallel()
	secret := file(t, []byte("hunter2\nhunter3"))
	for want, cfg := range map[string]bus.Config{
		"one of nats-creds, nats-nkey and nats-login": {Login: bus.Login{Creds: secret, File: secret}},
		"leave one out":                    {URL: "nats://worker:hunter2@127.0.0.1:1", Login: bus.Login{File: secret}},
		"both nats-cert and nats-key":      {Login: bus.Login{Cert: secret}},
		"is not one line":                  {Login: bus.Login{File: secret}},
		"user's JWT and seed":              {Login: bus.Login{Creds: secret}},
		"no seed of a user's nkey":         {Login: bus.Login{NKey: secret}},
		"holds no certificate":             {Login: bus.Login{CA: secret}},
		"nats-cert " + secret:              {Login: bus.Login{Cert: secret, Key: secret}},
		"nats-login: open /nowhere/secret": {Login: bus.Login{File: "/nowhere/secret"}},
	} {
		c, err := bus.Dial(t.Context(), cfg)
		if err == nil {
			c.Close()
			t.Errorf("%s: no error", want)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q, want something with %q and no secret", err, want)
		}
	}
}

// operator is somebody who signs accounts, and an account of theirs with JetStream.
type operator struct {
	claims  *jwt.OperatorClaims
	account nkeys.KeyPair
	system  string
	signed  map[string]string // account → JWT
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	key := must(nkeys.CreateOperator())
	o := &operator{claims: jwt.NewOperatorClaims(must(key.PublicKey())), account: must(nkeys.CreateAccount()), signed: map[string]string{}}
	o.claims.Issuer = o.claims.Subject
	system := must(nkeys.CreateAccount())
	o.system = must(system.PublicKey())
	for _, account := range []nkeys.KeyPair{o.account, system} {
		claims := jwt.NewAccountClaims(must(account.PublicKey()))
		if account == o.account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
		}
		o.signed[claims.Subject] = must(claims.Encode(key))
	}
	return o
}

func (o *operator) trust(options *server.Options) {
	resolver := &server.MemAccResolver{}
	for account, signed := range o.signed {
		if err := resolver.Store(account, signed); err != nil {
			panic(err)
		}
	}
	options.TrustedOperators = []*jwt.OperatorClaims{o.claims}
	options.AccountResolver = resolver
	options.SystemAccount = o.system
}

// creds writes the credentials of a user of the account.
func (o *operator) creds(t *testing.T) string {
	t.Helper()
	user := must(nkeys.CreateUser())
	signed := must(jwt.NewUserClaims(must(user.PublicKey())).Encode(o.account))
	return file(t, must(jwt.FormatUserConfig(signed, must(user.Seed()))))
}
