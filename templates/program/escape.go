package program

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"vitrine/internal/view"
)

// The escapers do what html/template's of the same names do, and are held to it by comparison, with every text that a fuzzer finds.
// A filter makes a text of a text. An appender writes at the end; markup is whether the text is HTML, which counts only there.

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

// failsafe stands for what is not safe to write.
const failsafe = "ZgotmplZ"

// stringify is the text of a value, and whether it is markup.
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

// replacements are what bytes are replaced by.
type replacements [256]string

var (
	htmlReplacements = replacements{0: "\uFFFD", '"': "&#34;", '&': "&amp;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '>': "&gt;"}
	// markupReplacements leave the entities that are there.
	markupReplacements = replacements{0: "\uFFFD", '"': "&#34;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '>': "&gt;"}
	// unquotedReplacements are for values of attributes without quotes.
	unquotedReplacements = replacements{
		0: "&#xfffd;", '\t': "&#9;", '\n': "&#10;", '\v': "&#11;", '\f': "&#12;", '\r': "&#13;", ' ': "&#32;",
		'"': "&#34;", '&': "&amp;", '\'': "&#39;", '+': "&#43;", '<': "&lt;", '=': "&#61;", '>': "&gt;", '`': "&#96;",
	}
)

// append writes s with some of its bytes replaced.
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

// appendUnquoted also replaces what old browsers do not allow there: noncharacters and what is no UTF-8.
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

// refuseTags leaves it to html/template to take the tags out of markup.
func (m *Machine) refuseTags(markup string) {
	if strings.Contains(markup, "<") {
		m.uncovered()
	}
}
