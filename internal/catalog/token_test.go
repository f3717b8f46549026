package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
)

// tokenKey is put behind a key of the whole catalog's upstream.
const beforeToken = "timeout: 800ms,"

func withToken(token string) string {
	return strings.Replace(strings.Replace(whole, beforeToken, beforeToken+" token: "+token+",", 1), `, headers: { Authorization: "env:PRODUCTS_TOKEN" }`, "", 1)
}

func TestTokens(t *testing.T) {
	for src, want := range map[string]catalog.Token{
		`{ url: "https://login.example/t?x=1", client: me, secret: "env:S", scopes: ["a b", c], params: { audience: shop, n: 3 }, auth: body, timeout: 2s }`: {
			URL: "https://login.example/t?x=1", Client: "me", Secret: "S", Scopes: []string{"a", "b", "c"}, Params: map[string]string{"audience": "shop", "n": "3"},
			InBody: true, Timeout: 2 * time.Second, Header: "Authorization", Scheme: "Bearer"},
		`{ file: /run/token, header: X-Shop-Token }`:        {File: "/run/token", Timeout: 10 * time.Second, Header: "X-Shop-Token"},
		`{ command: " a  b=c ", ttl: 45m, scheme: Token }`:  {Command: []string{"a", "b=c"}, TTL: 45 * time.Minute, Timeout: 10 * time.Second, Header: "Authorization", Scheme: "Token"},
		`{ command: a, header: authorization, scheme: "" }`: {Command: []string{"a"}, Timeout: 10 * time.Second, Header: "authorization"},
	} {
		c := parse(t, withToken(src))
		if diff := cmp.Diff(&want, c.Upstreams["products"].Token); diff != "" {
			t.Errorf("%s: %s", src, diff)
		}
	}
}

func TestFaultsOfTokens(t *testing.T) {
	for token, says := range map[string]string{
		`{}`:                              "exactly one of url, file and command",
		`{ file: /a, command: b }`:        "exactly one of url, file and command",
		`{ comand: a }`:                   "did you mean command",
		`{ file: token }`:                 "absolute path",
		`{ file: /run/../etc/shadow }`:    "absolute path",
		`{ file: /a, ttl: 5m }`:           "ttl is for a token with command",
		`{ file: /a, secret: "env:S" }`:   "secret is for a token with url",
		`{ file: /a, timeout: 5s }`:       "timeout is for a token with url or command",
		`{ file: /a, header: "X Y" }`:     "can't be a header",
		`{ file: /a, scheme: "Bea rer" }`: "can't be in front of a token",
		`{ command: "" }`:                 "command can't be",
		`{ command: "a | b" }`:            "no shell reads it",
		`{ command: "a 'b c'" }`:          "no shell reads it",
		`{ command: a, ttl: 0s }`:         "ttl must be a duration",
		`{ url: "https://l.example" }`:    `token lacks "client"`,
		`{ url: "ftp://l.example", client: a, secret: "env:S" }`:                                 "no address of a token endpoint",
		`{ url: "https://a:b@l.example", client: a, secret: "env:S" }`:                           "no address of a token endpoint",
		`{ url: "https://l.example", client: a, secret: canary }`:                                "secret must name a variable",
		`{ url: "https://l.example", client: "env:", secret: "env:S" }`:                          "client can't be",
		`{ url: "https://l.example", client: a, secret: "env:S", params: { client_secret: x } }`: "params can't have client_secret",
		`{ url: "https://l.example", client: a, secret: "env:S", auth: none }`:                   "auth must be header or body",
		`/run/token`: "token must be an object",
	} {
		_, err := catalog.Parse([]byte(withToken(token)), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "shop.yaml:5:") {
			t.Errorf("%s: it says %v, want %q in line 5", token, err, says)
		}
	}
	twice := strings.Replace(whole, beforeToken, beforeToken+" token: { file: /a },", 1)
	if _, err := catalog.Parse([]byte(twice), "shop.yaml", catalog.Options{}); err == nil || !strings.Contains(err.Error(), "sends the header Authorization twice") {
		t.Error(err)
	}
}

// TestATokenIsNoPartOfAShape proves that another token has nothing fetched again.
func TestATokenIsNoPartOfAShape(t *testing.T) {
	first, second := parse(t, withToken("{ file: /a }")), parse(t, withToken("{ file: /b, header: X-Token }"))
	if first.Shapes != second.Shapes || first.Shapes != parse(t, strings.Replace(whole, `, headers: { Authorization: "env:PRODUCTS_TOKEN" }`, "", 1)).Shapes {
		t.Error("a token changed the shapes")
	}
}
