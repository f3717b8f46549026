package catalog_test

import (
	"strings"
	"testing"

	"vitrine/internal/catalog"
)

// TestErrorsAreFitForATerminal proves that errors about a foreign catalog file quote none of its passwords and no
// control sequence.
func TestErrorsAreFitForATerminal(t *testing.T) {
	long := strings.Repeat("x", 60)
	for name, text := range map[string]string{
		"a login in an address":            `upstreams: { shop: { url: "http://user:canary@127.0.0.1:9" } }`,
		"a login that the window cuts":     `upstreams: { shop: { url: "http://user:canarycanarycanarycanary` + long + `canary@h", timeout: 1s, nope: 1 } }`,
		"a login of a database":            `upstreams: { shop: { url: "postgres://user:canary@db/x", nope: 1 } }`,
		"an escape sequence":               "upstreams: { shop: { url: \"http://127.0.0.1:9\", nope: \"\x1b[31mred\" } }",
		"an escape sequence, escaped":      `upstreams: { "\e[31mshop": { url: "http://127.0.0.1:9" } }`,
		"a key that turns the direction":   "upstreams: { shop: { \"a\u202eb\": 1 } }",
		"a syntax error behind a sequence": "a: \"\x1b[31m\" b: \"http://user:canary@h\"",
		"no UTF-8":                         "upstreams: { \"\xff\x9b31m\": 1 }",
	} {
		_, err := catalog.Parse([]byte("version: 1\n"+text+"\n"), "shop.yaml", catalog.Options{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, bad := range []string{"canary", "\x1b", "\u202e", "\x9b", "\u009b"} {
			if strings.Contains(err.Error(), bad) {
				t.Errorf("%s: %q in %q", name, bad, err.Error())
			}
		}
	}
	_, err := catalog.Parse([]byte("version: 1\nupstreams: { shop: { url: \"http://127.0.0.1:9\", auth: \"http://user:canary@h\", nope: 1 } }\n"), "shop.yaml", catalog.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	_, told, _ := strings.Cut(err.Error(), `has no key "nope"`+"\n")
	lines := strings.Split(told, "\n")
	if len(lines) < 2 || strings.Index(lines[0], "nope") != strings.Index(lines[1], "^") {
		t.Errorf("no caret below nope:\n%s", told)
	}
}
