package program

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"vitrine/internal/view"
)

// The escapers do what those of html/template with the same names do. Tests compare the two, with the texts that a fuzzer finds.
// A filter returns a text for a text. An appender comes last in a pipeline and appends the text to dst. Only appenders treat HTML
// differently: markup reports whether s is HTML.

var filters = map[string]func(string) string{
	"commentescaper":   func(string) string { return "" },
	"urlfilter":        filterURL,
	"urlnormalizer":    normalizeURL,
	"urlescaper":       escapeURL,
	"srcsetescaper":    filterSrcset,
	"cssescaper":       escapeCSS,
	"cssvaluefilter":   filterCSSValue,
	"jsstrescaper":     jsReplacer(jsStringReplacements, jsStringSlashed),
	"jstmpllitescaper": jsReplacer(jsStringReplacements+"${}", jsStringSlashed),
	"jsregexpescaper":  escapeJSRegexp,
}

var appenders = map[string]func(m *Machine, dst []byte, s string, markup bool) []byte{
	"htmlescaper":    appendHTML,
	"rcdataescaper":  appendRCDATA,
	"attrescaper":    appendAttribute,
	"nospaceescaper": appendUnquoted,
}

// failsafe is written in place of an unsafe text.
const failsafe = "ZgotmplZ"

// stringify returns the text of a value, and reports whether it is HTML.
func (m *Machine) stringify(v view.Value) (s string, markup bool) {
	switch v.Kind() {
	case view.String, view.Number:
		return v.Text(), false
	case view.HTML:
		return v.Text(), true
	case view.Missing, view.Null:
		return "", false
	case view.Int:
		return strconv.Itoa(v.Int()), false
	}
	return fmt.Sprint(v.Decode()), false
}

// replacements holds the replacement of each byte; "" for bytes that are not replaced.
type replacements [256]string

var (
	htmlReplacements = replacements{0: "\uFFFD", '"': "&#34;", '&': "&amp;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '>': "&gt;"}
	// markupReplacements leaves entities as they are.
	markupReplacements = replacements{0: "\uFFFD", '"': "&#34;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '>': "&gt;"}
	// unquotedReplacements is for attribute values without quotes.
	unquotedReplacements = replacements{
		0: "&#xfffd;", '\t': "&#9;", '\n': "&#10;", '\v': "&#11;", '\f': "&#12;", '\r': "&#13;", ' ': "&#32;",
		'"': "&#34;", '&': "&amp;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '=': "&#61;", '>': "&gt;", '`': "&#96;",
	}
)

// append appends s to dst, with its bytes replaced.
func (replaced *replacements) append(dst []byte, s string) []byte {
	written := 0
	for i := 0; i < len(s); i++ {
		if sign := replaced[s[i]]; sign != "" {
			dst = append(append(dst, s[written:i]...), sign...)
			written = i + 1
		}
	}
	return append(dst, s[written:]...)
}

func appendHTML(_ *Machine, dst []byte, s string, markup bool) []byte {
	if markup {
		return append(dst, s...)
	}
	return htmlReplacements.append(dst, s)
}

func appendRCDATA(_ *Machine, dst []byte, s string, markup bool) []byte {
	if markup {
		return markupReplacements.append(dst, s)
	}
	return htmlReplacements.append(dst, s)
}

func appendAttribute(m *Machine, dst []byte, s string, markup bool) []byte {
	if markup {
		m.refuseTags(s)
		return markupReplacements.append(dst, s)
	}
	return htmlReplacements.append(dst, s)
}

// appendUnquoted also replaces what old browsers do not allow in such a value: noncharacters and invalid UTF-8.
func appendUnquoted(m *Machine, dst []byte, s string, markup bool) []byte {
	if s == "" {
		return append(dst, failsafe...)
	}
	replaced := &unquotedReplacements
	if markup {
		m.refuseTags(s)
		plain := unquotedReplacements
		plain['&'] = ""
		replaced = &plain
	}
	for len(s) > 0 {
		at := strings.IndexFunc(s, func(r rune) bool { return 0xfdd0 <= r && r <= 0xfdef || 0xfff0 <= r && r <= 0xffff })
		if at < 0 {
			break
		}
		r, width := utf8.DecodeRuneInString(s[at:])
		dst = fmt.Appendf(replaced.append(dst, s[:at]), "&#x%x;", r)
		s = s[at+width:]
	}
	return replaced.append(dst, s)
}

// refuseTags ends the run if markup holds tags: only html/template can strip them.
func (m *Machine) refuseTags(markup string) {
	if strings.Contains(markup, "<") {
		m.uncovered()
	}
}
