package item_test

import (
	"net/url"
	"testing"

	"vitrine/internal/item"
)

func TestClip(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"aé", 2, "a…"},
		{"灯灯", 4, "灯…"},
		{"\x80\x80\x80\x80\x80\x80", 5, "\x80…"},
		{"", 0, ""},
	} {
		if got := item.Clip(c.s, c.n); got != c.want {
			t.Errorf("%q in %d bytes: %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func TestEscape(t *testing.T) {
	const all = "a/b c?d=e&f%2C,+~-._é\x00"
	escaped := item.Escape(all)
	if want := "a%2Fb%20c%3Fd%3De%26f%252C%2C%2B~-._%C3%A9%00"; escaped != want {
		t.Errorf("%s, want %s", escaped, want)
	}
	for name, read := range map[string]func(string) (string, error){"path": url.PathUnescape, "query": url.QueryUnescape} {
		if got, err := read(escaped); got != all || err != nil {
			t.Errorf("in a %s: %q, %v", name, got, err)
		}
	}
}

func TestOnePath(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b-1.html":                 "/a/b-1.html",
		"/%6d%c3%a4rz/%7e(x)":         "/m%C3%A4rz/~%28x%29",
		"/märz/a%2fb":                 "/m%C3%A4rz/a%2Fb",
		"/a%2":                        "/a%2",
		"":                            "",
		item.EscapePath("/ü/%2F/a b"): "/%C3%BC/%252F/a%20b",
	} {
		if got := item.OnePath(path); got != want || item.OnePath(got) != got {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
}
