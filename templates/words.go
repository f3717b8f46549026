package templates

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// AddWords adds the texts that have no words in a language to words.json in a shop's folder, each with an empty one to be filled in, and
// returns their number. What the file has already stays; nothing is written if no text lacks words. AddWords fails if lang is no language tag,
// and otherwise as LoadFolder and Eject do.
func AddWords(dir, lang string) (int, error) {
	if _, err := language.Parse(lang); err != nil {
		return 0, fmt.Errorf("%.40q is no language, such as pt or pt-BR: %w", lang, err)
	}
	own, err := readFolder(dir)
	if err != nil {
		return 0, err
	}
	set, err := overTheme(own)
	if err != nil {
		return 0, err
	}
	missing := set.Untranslated(lang)
	if len(missing) == 0 {
		return 0, nil
	}
	words := translations{}
	if file, ok := own[translationsFile]; ok {
		if err := json.Unmarshal(file, &words); err != nil {
			return 0, err // not of a file that overTheme has read
		}
	}
	texts := words.texts(lang)
	for _, english := range missing {
		texts[english] = ""
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(words); err != nil {
		return 0, err
	}
	_, err = files{translationsFile: out.Bytes()}.writeTo(dir, true)
	return len(missing), err
}

// texts returns the texts of a language, whichever case its name is written in, and adds the language if it is not there.
func (t translations) texts(lang string) map[string]string {
	for name, texts := range t {
		if strings.EqualFold(name, lang) && texts != nil {
			return texts
		}
	}
	t[lang] = map[string]string{}
	return t[lang]
}
