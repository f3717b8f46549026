package redact

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shown makes text of unknown origin safe for an operator's terminal: without passwords, and with control characters
// that would move the cursor, change colours or turn the reading direction escaped. Line ends and tabs stay.
func Shown(text string) string {
	text = Text(text)
	if !strings.ContainsFunc(text, isOdd) && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && isOdd(r):
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case isOdd(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(text[:size])
		}
		text = text[size:]
	}
	return out.String()
}

func isOdd(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }
