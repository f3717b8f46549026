package program

import (
	"strings"
)

// filterURL returns a URL that is relative or has a harmless scheme as it is. For others it returns "#" and failsafe.
func filterURL(s string) string {
	if !safeURL(s) {
		return "#" + failsafe
	}
	return s
}

func safeURL(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	if !ok || strings.Contains(scheme, "/") {
		return true
	}
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "mailto")
}

const (
	urlPlain    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	urlReserved = "!#$&*+,/:;=?@[]"
)

var (
	urlParts = setOf(urlPlain)
	urlWhole = setOf(urlPlain + urlReserved)
)

// byteSet is a set of bytes.
type byteSet [256]bool

func setOf(bytes string) *byteSet {
	var set byteSet
	for i := range len(bytes) {
		set[bytes[i]] = true
	}
	return &set
}

// normalizeURL percent-encodes the bytes that may not stand in a URL, and leaves what is encoded already.
func normalizeURL(s string) string { return encodeURL(s, urlWhole, true) }

// escapeURL percent-encodes a text as one component of a URL.
func escapeURL(s string) string { return encodeURL(s, urlParts, false) }

func encodeURL(s string, allowed *byteSet, keepEncoded bool) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	written := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if allowed[c] || c == '%' && keepEncoded && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			continue
		}
		b.WriteString(s[written:i])
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&0xf])
		written = i + 1
	}
	if written == 0 {
		return s
	}
	b.WriteString(s[written:])
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// filterSrcset filters each candidate of a srcset. Commas separate them.
func filterSrcset(s string) string {
	pictures := strings.Split(s, ",")
	for i, picture := range pictures {
		pictures[i] = filterPicture(picture)
	}
	return strings.Join(pictures, ",")
}

const htmlSpace = " \t\n\f\r"

// filterPicture returns one candidate of a srcset, its URL normalized. If the URL is unsafe, or what follows it is not a plain size, it
// returns "#" and failsafe.
func filterPicture(s string) string {
	begin := len(s) - len(strings.TrimLeft(s, htmlSpace))
	end := strings.IndexAny(s[begin:], htmlSpace)
	if end < 0 {
		end = len(s)
	} else {
		end += begin
	}
	unusual := func(r rune) bool {
		return !strings.ContainsRune(htmlSpace, r) && !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}
	if !safeURL(s[begin:end]) || strings.ContainsFunc(s[end:], unusual) {
		return "#" + failsafe
	}
	return s[:begin] + normalizeURL(s[begin:end]) + s[end:]
}
