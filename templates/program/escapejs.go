package program

import (
	"strings"
	"unicode/utf8"

	"vitrine/internal/view"
)

// Characters that are escaped in scripts, besides control characters: by their number, or (slashed) by a backslash before them.
const (
	jsStringReplacements, jsStringSlashed = "\"`&'+<>", `/\`
	jsRegexpReplacements, jsRegexpSlashed = `"&'+<>`, `$()*-./?[\]^{|}`
)

var jsRegexp = jsReplacer(jsRegexpReplacements, jsRegexpSlashed)

// jsReplacer returns a function that escapes control characters, U+2028, U+2029 and the given characters.
func jsReplacer(numbered, slashed string) func(string) string {
	var replaced replacements
	for c := range byte(' ') {
		replaced[c] = jsNumbered(c)
	}
	for c, sign := range map[byte]string{'\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`} {
		replaced[c] = sign
	}
	for _, c := range []byte(numbered) {
		replaced[c] = jsNumbered(c)
	}
	for _, c := range []byte(slashed) {
		replaced[c] = `\` + string(c)
	}
	return func(s string) string { return replaceJS(s, &replaced) }
}

func jsNumbered(c byte) string {
	const hex = "0123456789abcdef"
	return `\u00` + hex[c>>4:c>>4+1] + hex[c&0xf:c&0xf+1]
}

func replaceJS(s string, replaced *replacements) string {
	var b strings.Builder
	written := 0
	for i, r := range s {
		sign, width := "", 1
		switch {
		case r < utf8.RuneSelf:
			sign = replaced[byte(r)]
		case r == '\u2028' || r == '\u2029':
			sign, width = `\u202`+string('8'+r-'\u2028'), 3
		}
		if sign != "" {
			b.WriteString(s[written:i])
			b.WriteString(sign)
			written = i + width
		}
	}
	if written == 0 {
		return s
	}
	b.WriteString(s[written:])
	return b.String()
}

// escapeJSRegexp escapes a text so that a regular expression matches it literally.
func escapeJSRegexp(s string) string {
	if s == "" {
		return "(?:)" // otherwise the slashes around it would begin a comment
	}
	return jsRegexp(s)
}

// appendJS appends a value as a JavaScript literal. It ends the run if JSON cannot express the value.
func appendJS(m *Machine, dst []byte, v view.Value) []byte {
	if v.Kind() == view.Number {
		v = view.OfText(v.Text()) // html/template writes it as a string, since it is a Stringer
	}
	from := len(dst)
	dst = append(dst, ' ') // removed below where no space is needed
	dst, err := v.AppendJSON(dst)
	if err != nil {
		m.uncovered()
	}
	if first, last := dst[from+1], dst[len(dst)-1]; isWord(first) || isWord(last) {
		return append(dst, ' ')
	}
	return append(dst[:from], dst[from+1:]...)
}

func isWord(c byte) bool {
	return c == '$' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
