package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"vitrine/internal/item"
)

// wordsFile holds translations: language → English text → text. A shop's own adds to the theme's.
const wordsFile = "words.json"

// words are the translations of a set by language.
type words map[string]map[string]string

// add reads a words file over what is there.
func (w words) add(file []byte) error {
	var more words
	if err := json.Unmarshal(file, &more); err != nil {
		return fmt.Errorf("%w: %s: %w", item.ErrRefused, wordsFile, err)
	}
	for lang, texts := range more {
		lang = strings.ToLower(lang)
		if w[lang] == nil {
			w[lang] = map[string]string{}
		}
		maps.Copy(w[lang], texts)
	}
	return nil
}

// translate is what the template function say begins with: an English text of the theme in the page's language. A
// language without the text, or unknown, shows English.
func (w words) translate(page any, english string) string {
	lang := strings.ToLower(text(get(page, "Site", "Lang")))
	primary, _, _ := strings.Cut(lang, "-")
	for _, l := range []string{lang, primary} {
		if said, ok := w[l][english]; ok {
			return said
		}
	}
	return english
}

// fill replaces {} by each of args in turn.
func fill(said string, args []any) string {
	for _, arg := range args {
		said = strings.Replace(said, "{}", text(arg), 1)
	}
	return said
}
