package item

import (
	"bytes"
	"encoding/json"
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

// Scalar returns the text of a JSON string, or the digits of a whole number as written. It has none of anything else, such as 1e3 or
// 1.0, which no shop uses as ids.
func Scalar(raw []byte) (text string, ok bool) {
	if len(raw) > 0 && raw[0] == '"' {
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	}
	return string(raw), len(raw) > 0 && len(bytes.Trim(raw, "-0123456789")) == 0
}

// Escape percent-encodes all but the unreserved characters of RFC 3986 (letters, digits, "-", ".", "_" and "~"). The
// result is valid both as one segment of a path and as a value in a query.
func Escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// EscapePath escapes each segment of a path, of which none is escaped.
func EscapePath(path string) string { return strings.ReplaceAll(Escape(path), "%2F", "/") }

// OnePath is the one form of an escaped path, in which all that Escape would not leave as it is, and nothing else, is escaped:
// "/a%2fb/%7Ec(d)" becomes "/a%2Fb/~c%28d%29". A path with a false escape stays as it is.
func OnePath(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return escaped
		}
		segments[i] = Escape(plain)
	}
	return strings.Join(segments, "/")
}
