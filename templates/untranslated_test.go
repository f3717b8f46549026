package templates_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/templates"
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

// TestAddWords proves that the texts a language lacks are written down to be translated, beside what the shop's file has, and that an empty
// text is none.
func TestAddWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "templates")
	texts, err := templates.AddWords(dir, "pt")
	if err != nil || texts < 60 {
		t.Fatalf("%d texts of the theme lack Portuguese: %v", texts, err)
	}
	file := filepath.Join(dir, "words.json")
	words := readWords(t, file)
	if text, ok := words["pt"]["Only GET and HEAD are answered here."]; !ok || text != "" || len(words["pt"]) != texts || len(words) != 1 {
		t.Errorf("%d of %d texts: %q", len(words["pt"]), texts, words)
	}
	if err := os.WriteFile(file, []byte(`{"zh":{"Mine":"我的"},"PT":{"In stock":"Em <b>estoque</b>","Delivery":""}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if more, err := templates.AddWords(dir, "pt"); err != nil || more != texts {
		t.Errorf("beside what a shop has: %d texts, then %d: %v", texts, more, err)
	}
	words = readWords(t, file)
	if words["zh"]["Mine"] != "我的" || words["PT"]["In stock"] != "Em <b>estoque</b>" || len(words["PT"]) != texts+1 || len(words) != 2 {
		t.Errorf("beside what a shop has: %q", words)
	}
	set, err := templates.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if missing := set.Untranslated("pt"); !slices.Contains(missing, "Delivery") || slices.Contains(missing, "In stock") {
		t.Errorf("to be translated: %q", missing)
	}
	page := object{"stock": object{"state": "in"}, "product": object{"title": "T"}, "Site": object{"Lang": "pt"}, "Page": object{"ID": "1"}}
	if html := rendered(t, set, "item.html", page); !strings.Contains(html, "To the content") || !strings.Contains(html, "Em &lt;b&gt;estoque") {
		t.Errorf("a page neither says English for an empty text nor the shop's words: %s", html)
	}
}

// TestAddWordsRefuses proves that a file that can't be read, or a name that is no language, leaves all as it is.
func TestAddWordsRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, lang := range []string{"", "../pt", "português", "p"} {
		if _, err := templates.AddWords(dir, lang); err == nil || !strings.Contains(err.Error(), "is no language") {
			t.Errorf("in %q: %v", lang, err)
		}
	}
	for _, lang := range []string{"en", "de-AT"} {
		if texts, err := templates.AddWords(dir, lang); texts != 0 || err != nil {
			t.Errorf("the theme lacks %d texts in %s: %v", texts, lang, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("written: %v, %v", entries, err)
	}
	file := filepath.Join(dir, "words.json")
	if err := os.WriteFile(file, []byte(`{"pt":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := templates.AddWords(dir, "pt"); !errors.Is(err, item.ErrRefused) || !strings.Contains(err.Error(), "words.json") {
		t.Errorf("beside a broken file: %v", err)
	}
	if body, err := os.ReadFile(file); err != nil || string(body) != `{"pt":` {
		t.Errorf("a broken file became %q, %v", body, err)
	}
}

// readWords reads a words.json, by language.
func readWords(t *testing.T, file string) (words map[string]map[string]string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &words); err != nil {
		t.Fatal(err)
	}
	return words
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
