package slug_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vitrine/internal/slug"
)

func TestOf(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"words", "Hero Hoodie, XS / Black", "hero-hoodie-xs-black"},
		{"accents stay", "Café Größe ÅNGSTRÖM", "café-größe-ångström"},
		{"a composed and a decomposed text are one", "Cafe\u0301", "café"},
		{"another script", "网易严选 · 茶具 2 件", "网易严选-茶具-2-件"},
		{"a script that needs marks", "हिन्दी", "हिन्दी"},
		{"full width", "ＡＢＣ１２", "abc12"},
		{"an apostrophe", "Men’s and women's", "mens-and-womens"},
		{"nothing readable", "… /// ★", ""},
		{"no text", "", ""},
		{"a path out", "../../etc/passwd", "etc-passwd"},
		{"an origin", "//evil.example/x", "evil-example-x"},
		{"lines of a header", "a\r\nSet-Cookie: b", "a-set-cookie-b"},
		{"escapes", "%2e%2e%2f%00", "2e-2e-2f-00"},
		{"control of direction", "\u202egpj.exe\u2066", "gpj-exe"},
		{"letters that show nothing", "a\u115f\u3164\u200bb\ufe0f", "ab"},
		{"hyphens", "--a -- b--", "a-b"},
		{"invalid UTF-8", "a\xff\xfeb", "a-b"},
		{"a mark alone", "\u0301\u0301", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := slug.Of(tt.text); got != tt.want {
				t.Errorf("Of(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestLongTextsAreCut(t *testing.T) {
	if got := slug.Of(strings.Repeat("word ", 4000)); got != strings.TrimSuffix(strings.Repeat("word-", 16), "-") {
		t.Errorf("words are cut inside: %q", got)
	}
	if got := utf8.RuneCountInString(slug.Of(strings.Repeat("茶", 4000))); got != 80 {
		t.Errorf("one word has %d characters", got)
	}
	if got := slug.Of("a" + strings.Repeat("\u0300", 500)); utf8.RuneCountInString(got) > 4 {
		t.Errorf("a letter has %d characters", utf8.RuneCountInString(got))
	}
}

// FuzzOf proves that no text makes a slug that is more than letters, digits, marks and single hyphens between them.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{"Hero Hoodie", "..", "a--b", "\u202e", "İstanbul", "ﬃ", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		made := slug.Of(text)
		if utf8.RuneCountInString(made) > 80 || !utf8.ValidString(made) {
			t.Fatalf("%q", made)
		}
		if strings.Contains(made, "--") || strings.Trim(made, "-") != made {
			t.Fatalf("hyphens of %q", made)
		}
		for _, r := range made {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				t.Fatalf("%q holds %U", made, r)
			}
		}
	})
}
