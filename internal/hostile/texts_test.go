package hostile_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"vitrine/internal/hostile"
)

func TestTexts(t *testing.T) {
	texts, run := hostile.Texts(), 0
	for _, text := range texts {
		if !utf8.ValidString(text) || text == "" {
			t.Errorf("%q can't be sent as JSON", text)
		}
		if strings.Contains(text, "pwned(") {
			run++
		}
	}
	if len(texts) < 300 || run < 200 {
		t.Errorf("%d texts, %d of which run something", len(texts), run)
	}
}
