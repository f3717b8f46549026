package redact_test

import (
	"testing"

	"vitrine/internal/redact"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"plain, 中文, été\n\tnext":    "plain, 中文, été\n\tnext",
		"\x1b[31mred\a":             `\x1b[31mred\x07`,
		"back\rover":                `back\x0dover`,
		"\u009b31m":                 `\u009b31m`,
		"a\u202etxt.exe":            `a\u202etxt.exe`,
		"\xff\x00":                  `\xff\x00`,
		"\x1b]8;;http://a:canary@h": `\x1b]8;;http://a:***@h`,
	} {
		if got := redact.Shown(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
