package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"vitrine/internal/item"
	"vitrine/internal/view"
	"vitrine/templates/program"
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

// say is the template function: a text of the theme in the page's language, with {} replaced by further arguments.
func (w words) say(b *program.Budget, args []view.Value) (view.Value, error) {
	said := w.translate(args[0], args[1].Text())
	if len(args) == 2 {
		return madeText(b, len(said), func() string { return said })
	}
	most := len(said)
	for _, arg := range args[2:] {
		most += len(text(arg))
	}
	return madeText(b, most, func() string { return fill(said, args[2:]) })
}

// translate is an English text of the theme in the page's language. A
// language without the text, or unknown, shows English.
func (w words) translate(page view.Value, english string) string {
	lang := strings.ToLower(textAt(page, "Site", "Lang"))
	primary, _, _ := strings.Cut(lang, "-")
	for _, l := range []string{lang, primary} {
		if said, ok := w[l][english]; ok {
			return said
		}
	}
	return english
}

// fill replaces {} by each of args in turn.
func fill(said string, args []view.Value) string {
	for _, arg := range args {
		said = strings.Replace(said, "{}", text(arg), 1)
	}
	return said
}
