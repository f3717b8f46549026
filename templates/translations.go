package templates

import (
	"encoding/json"
	"fmt"
	"strings"

	"vitrine/internal/item"
	"vitrine/internal/view"
	"vitrine/templates/program"
)

// translationsFile holds the translations of a theme or a shop. A shop's translations are added to the theme's, and replace those of the
// same text.
const translationsFile = "words.json"

// translations are the texts of a set: by language, then by the English text.
type translations map[string]map[string]string

// add adds a translations file, whose texts replace those that are there; empty ones are yet to be translated, and add nothing. It fails with item.ErrRefused for a malformed file.
func (t translations) add(file []byte) error {
	var more translations
	if err := json.Unmarshal(file, &more); err != nil {
		return fmt.Errorf("%w: %s: %w", item.ErrRefused, translationsFile, err)
	}
	for lang, texts := range more {
		lang = strings.ToLower(lang)
		if t[lang] == nil {
			t[lang] = map[string]string{}
		}
		for english, text := range texts {
			if text != "" {
				t[lang][english] = text
			}
		}
	}
	return nil
}

// say is the template function of that name: a text of the theme in the page's language, in which further arguments replace each {} in turn.
func (t translations) say(b *program.Budget, args []view.Value) (view.Value, error) {
	said := t.translate(args[0], args[1].Text())
	if len(args) == 2 {
		return madeText(b, len(said), func() string { return said })
	}
	most := len(said)
	for _, arg := range args[2:] {
		most += len(text(arg))
	}
	return madeText(b, most, func() string { return fill(said, args[2:]) })
}

// translate returns an English text of the theme in the page's language, and the English one if the language lacks it.
func (t translations) translate(page view.Value, english string) string {
	lang := strings.ToLower(textAt(page, "Site", "Lang"))
	primary, _, _ := strings.Cut(lang, "-")
	for _, l := range []string{lang, primary} {
		if said, ok := t[l][english]; ok {
			return said
		}
	}
	return english
}

// fill replaces each {} in turn by one of args.
func fill(said string, args []view.Value) string {
	for _, arg := range args {
		said = strings.Replace(said, "{}", text(arg), 1)
	}
	return said
}
