// Package canary gives tests of the whole program passwords that must not show anywhere but on the connections
// themselves. They are in the addresses of NATS and Redis, whose test servers accept any login, and in the headers sent
// to upstreams. All output of the program is then searched for them.
package canary

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// The passwords.
const (
	NATS  = "canary-nats-e41c"
	Redis = "canary/redis@x6zq" // with the characters that people choose
	Shop  = "canary-shop-a95d"
	// Notify is the secret of those who send notifications by HTTP.
	Notify = "canary-notify-0c5d1f7a"
)

// ShopVariable is the environment variable that holds the upstreams' password, as a catalog names it.
const ShopVariable = "SHOP_CANARY"

// Header is the line of a catalog that sends the password to an upstream.
const Header = `headers: { Authorization: "env:` + ShopVariable + `" }`

// Args puts a login into each address of NATS or Redis that has none.
func Args(args []string) []string {
	with := make([]string, len(args))
	for i, arg := range args {
		with[i] = login(arg)
	}
	return with
}

func login(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || strings.Contains(rest, "@") && !strings.Contains(rest, "***@") {
		return address
	}
	_, host, shown := strings.Cut(rest, "@") // as it was printed
	if !shown {
		host = rest
	}
	switch scheme {
	case "nats":
		return "nats://worker:" + NATS + "@" + host
	case "redis":
		return "redis://default:" + url.QueryEscape(Redis) + "@" + host
	}
	return address
}

// Secrets gives the flags that allow the upstreams at these origins to be sent their password.
func Secrets(origins ...string) (flags []string) {
	for _, origin := range origins {
		flags = append(flags, "--secret", ShopVariable+"="+origin)
	}
	return flags
}

// Search fails the test if text shows a password, as it is or as it is escaped in a URL. where says what the text was.
func Search(t testing.TB, where, text string) {
	t.Helper()
	if shown := In(text); shown != "" {
		t.Errorf("%s shows %s", where, shown)
	}
}

// In is the first password that text shows, with its surroundings; "" for none.
func In(text string) string {
	for _, password := range []string{NATS, Redis, url.QueryEscape(Redis), "x6zq", Shop, Notify} {
		if i := strings.Index(text, password); i >= 0 {
			return fmt.Sprintf("%q: …%s…", password, text[max(0, i-200):min(len(text), i+60)])
		}
	}
	return ""
}
