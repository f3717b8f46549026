package templates

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var said = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bsay\s+\S+\s+("(?:[^"\\]|\\.)*")`) })

// textsOf returns the texts that templates say, in English.
func textsOf(files files) map[string]bool {
	texts := map[string]bool{}
	for name, file := range files {
		if strings.HasPrefix(name, assetDir) || name == translationsFile {
			continue
		}
		for _, match := range said().FindAllSubmatch(file, -1) {
			if text, err := strconv.Unquote(string(match[1])); err == nil {
				texts[text] = true
			}
		}
	}
	return texts
}

// Untranslated returns the English texts of the set for which a language has no words, in order: those that a template says, and those that
// have words in another language. English has words for all.
func (s *Set) Untranslated(lang string) (missing []string) {
	lang = strings.ToLower(lang)
	primary, _, _ := strings.Cut(lang, "-")
	if primary == "en" || primary == "" {
		return nil
	}
	all := maps.Clone(s.said)
	for _, texts := range s.texts {
		for english := range texts {
			all[english] = true
		}
	}
	for _, english := range slices.Sorted(maps.Keys(all)) {
		_, exact := s.texts[lang][english]
		_, general := s.texts[primary][english]
		if !exact && !general {
			missing = append(missing, english)
		}
	}
	return missing
}
