package program

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var cssReplacements = replacements{
	0: `\0`, '\t': `\9`, '\n': `\a`, '\f': `\c`, '\r': `\d`, '"': `\22`, '&': `\26`, '\'': `\27`, '(': `\28`, ')': `\29`, '+': `\2b`,
	'/': `\2f`, ':': `\3a`, ';': `\3b`, '<': `\3c`, '>': `\3e`, '\\': `\\`, '{': `\7b`, '}': `\7d`,
}

// escapeCSS escapes a text inside a CSS string.
func escapeCSS(s string) string {
	var b strings.Builder
	for i := range len(s) {
		sign := cssReplacements[s[i]]
		if sign == "" {
			b.WriteByte(s[i])
			continue
		}
		b.WriteString(sign)
		if sign != `\\` && (i+1 == len(s) || isHex(s[i+1]) || isCSSSpace(s[i+1])) {
			b.WriteByte(' ') // otherwise the next byte could be read as a part of the number
		}
	}
	return b.String()
}

func isCSSSpace(c byte) bool { return strings.IndexByte("\t\n\f\r ", c) >= 0 }

// filterCSSValue returns plain values, such as lengths, keywords and colours, with their escapes decoded. For others it returns failsafe.
func filterCSSValue(s string) string {
	b := decodeCSS([]byte(s))
	var word []byte // the letters and digits alone: a browser may skip what stands between those of a keyword
	for i, c := range b {
		switch {
		case strings.IndexByte("\x00\"'()/;@[\\]`{}<>", c) >= 0:
			return failsafe
		case c == '-':
			if i > 0 && b[i-1] == '-' {
				return failsafe
			}
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_':
			word = append(word, c)
		}
	}
	word = bytes.ToLower(word)
	if bytes.Contains(word, []byte("expression")) || bytes.Contains(word, []byte("mozbinding")) {
		return failsafe
	}
	return string(b)
}

// decodeCSS decodes the escapes of CSS.
func decodeCSS(s []byte) (b []byte) {
	for {
		at := bytes.IndexByte(s, '\\')
		if at < 0 {
			return append(b, s...)
		}
		b, s = append(b, s[:at]...), s[at:]
		if len(s) < 2 {
			return b
		}
		if !isHex(s[1]) {
			_, width := utf8.DecodeRune(s[1:])
			b, s = append(b, s[1:1+width]...), s[1+width:]
			continue
		}
		end := 2
		for end < len(s) && end < 7 && isHex(s[end]) {
			end++
		}
		r, err := strconv.ParseUint(string(s[1:end]), 16, 32)
		if err != nil {
			return b // never: there are only hexadecimal digits
		}
		if r > unicode.MaxRune {
			r, end = r/16, end-1
		}
		b, s = utf8.AppendRune(b, rune(r)), skipCSSSpace(s[end:])
	}
}

// skipCSSSpace returns s without the one white space that may follow a numeric escape.
func skipCSSSpace(s []byte) []byte {
	switch {
	case bytes.HasPrefix(s, []byte("\r\n")):
		return s[2:]
	case len(s) > 0 && isCSSSpace(s[0]):
		return s[1:]
	}
	return s
}
