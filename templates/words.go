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

// say is the template function: an English text of the theme in the page's language, {} in it replaced by
// each of args in turn. A language without the text, or unknown, shows English.
func (w words) say(page any, english string, args ...any) string {
	lang := strings.ToLower(text(get(page, "Site", "Lang")))
	primary, _, _ := strings.Cut(lang, "-")
	said := english
	for _, l := range []string{lang, primary} {
		if t, ok := w[l][english]; ok {
			said = t
			break
		}
	}
	for _, arg := range args {
		said = strings.Replace(said, "{}", text(arg), 1)
	}
	return said
}
