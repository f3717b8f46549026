// Package slug makes the readable part of an address from a text.
package slug

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	longest  = 80   // characters of a slug
	mostRead = 1024 // bytes of a text from which a slug is made
	marks    = 3    // combining marks of one letter
)

// Of returns the slug of a text: its letters and digits, of any script, in lower case and in the form NFKC, with single hyphens where
// anything else stood. A slug neither begins nor ends with a hyphen. It is "" for a text without letters and digits. Apostrophes, and
// characters that show nothing (those that control the direction of text among them), leave no hyphen behind.
func Of(text string) string {
	if len(text) > mostRead {
		text = strings.ToValidUTF8(text[:mostRead], "")
	}
	made := make([]rune, 0, longest)
	gap, marked := false, 0
	for _, r := range norm.NFKC.String(text) {
		switch {
		case silent(r):
			continue
		case unicode.IsMark(r):
			if gap || len(made) == 0 || marked == marks {
				continue
			}
			marked++
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && len(made) > 0 {
				made = append(made, '-')
			}
			gap, marked = false, 0
		default:
			gap = true
			continue
		}
		made = append(made, unicode.ToLower(r))
	}
	return string(cut(made))
}

// silent reports whether a character disappears from a slug.
func silent(r rune) bool {
	switch r {
	case '\'', '’', 'ʼ':
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// cut shortens a slug to its first words, or a single long word to its beginning.
func cut(made []rune) []rune {
	if len(made) <= longest {
		return made
	}
	for end := longest; end > longest/2; end-- {
		if made[end] == '-' {
			return made[:end]
		}
	}
	return made[:longest]
}
