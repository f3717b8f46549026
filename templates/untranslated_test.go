package templates_test

import (
	"slices"
	"testing"

	"vitrine/internal/long"
)

func TestUntranslated(t *testing.T) {
	set, err := load(t, map[string]string{"buy.html": `{{say $ "Buy {}" 1}}`, "words.json": `{"pt":{"Delivery":"Entrega"},"de":{"Buy {}":"{} kaufen"}}`})
	if err != nil {
		t.Fatal(err)
	}
	missing := set.Untranslated("pt-BR")
	if !slices.Contains(missing, "Buy {}") || !slices.Contains(missing, "In stock") || slices.Contains(missing, "Delivery") {
		t.Errorf("in Portuguese there are no words for %q", missing)
	}
	for _, lang := range []string{"en", "en-GB", ""} {
		if missing := set.Untranslated(lang); missing != nil {
			t.Errorf("%s lacks the texts %q", lang, missing)
		}
	}
	if missing := set.Untranslated("de-AT"); slices.Contains(missing, "Buy {}") {
		t.Errorf("Austrian German lacks a text that German has: %q", missing)
	}
}

// TestTheThemesLanguages proves that each language has a word for every text of the theme.
func TestTheThemesLanguages(t *testing.T) {
	long.Only(t)
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"ar", "de", "es", "fr", "ja", "zh"} {
		if missing := set.Untranslated(lang); len(missing) > 0 {
			t.Errorf("%s has no words for %q", lang, missing)
		}
	}
}
