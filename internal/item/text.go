package item

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Clip shortens s to at most n bytes and marks the cut with "…", so that hostile input does not fill a log line. It
// cuts between characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && n-end < utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Escape percent-encodes all but the unreserved characters of RFC 3986 (letters, digits, "-", ".", "_" and "~"). The
// result is valid both as one segment of a path and as a value in a query.
func Escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
