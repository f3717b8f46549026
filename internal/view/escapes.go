package view

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeWidth returns the length in bytes of the escape sequence that s begins with, and 0 if it is invalid. The first byte of s is a
// backslash.
func escapeWidth(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if codeUnit(s) >= 0 {
			return 6
		}
	}
	return 0
}

// codeUnit returns the UTF-16 code unit of the escape \uXXXX that s begins with, and -1 if s begins otherwise.
func codeUnit(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' || strings.Trim(s[2:6], "0123456789abcdefABCDEF") != "" {
		return -1
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// unescape decodes the text between the quotes of a string. Its escapes must be valid. An unpaired surrogate and each byte of invalid
// UTF-8 become U+FFFD.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\\':
			r, width := unescapeOne(s[i:])
			b.WriteRune(r)
			i += width
		case c < utf8.RuneSelf:
			b.WriteByte(c)
			i++
		default:
			r, width := utf8.DecodeRuneInString(s[i:])
			b.WriteRune(r)
			i += width
		}
	}
	return b.String()
}

// unescapeOne decodes the escape that s begins with. width is its length in bytes.
func unescapeOne(s string) (r rune, width int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = codeUnit(s)
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if pair := utf16.DecodeRune(r, codeUnit(s[6:])); pair != unicode.ReplacementChar {
			return pair, 12
		}
		return unicode.ReplacementChar, 6
	}
	return rune(s[1]), 2
}
