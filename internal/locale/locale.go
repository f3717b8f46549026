// Package locale writes numbers and amounts as a language does, and knows the direction that it is written in.
//
// All that it knows stands in cldr.json, an extract of Unicode CLDR as a browser has it, so that a page's script, which asks the
// browser, writes what the server has written. TestTheTableIsTheBrowsers compares the two, and makes the file with -update.
package locale

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

//go:embed cldr.json
var cldr []byte

// Locale is how a language, in a region or a script, writes numbers. It is immutable.
type Locale struct {
	Group, Point           string
	MoneyGroup, MoneyPoint string            // of amounts; "" for Group and Point
	Pattern                string            `json:"money"` // {} is the number, ¤ the currency's sign
	Digits                 string            // the digits 0 to 9; "" for the European ones
	Second                 int               // digits of the groups before the last; 0 for three
	MoneySecond            int               // of amounts; 0 for Second
	Least                  int               // digits from which on there are groups; 0 for any
	Signs                  map[string]string // of currencies, by code: those in which it differs from its parent

	digits []string // of Digits, one by one
	parent *Locale  // nil for none
	table  *table
}

// table is cldr.json.
type table struct {
	Digits  map[string]int // after the point, by currency; others have two
	RTL     []string       // languages and scripts written from right to left
	Signs   map[string]string
	Locales map[string]*Locale
}

var load = sync.OnceValue(func() *table {
	t := &table{}
	if err := json.Unmarshal(cldr, t); err != nil {
		panic("locale: cldr.json: " + err.Error()) // it is part of the program
	}
	for tag, l := range t.Locales {
		l.table = t
		l.digits = strings.Split(l.Digits, "")
		for up := shorter(tag); up != "" && l.parent == nil; up = shorter(up) {
			l.parent = t.Locales[up]
		}
	}
	return t
})

// Of returns the locale of a language tag, or of the longest beginning of it that is known: "de-DE" gives "de". An unknown language is
// written as English is.
func Of(tag string) *Locale {
	t := load()
	for tag = strings.ToLower(tag); tag != ""; tag = shorter(tag) {
		if l := t.Locales[tag]; l != nil {
			return l
		}
	}
	return t.Locales["en"]
}

// shorter returns a tag without its last subtag; "" for a tag of one.
func shorter(tag string) string {
	return tag[:max(0, strings.LastIndexByte(tag, '-'))]
}

// RTL reports whether a language is written from right to left. The script of a tag decides, where it has one.
func RTL(tag string) bool {
	subtags := strings.Split(strings.ToLower(tag), "-")
	for _, s := range subtags[1:] {
		if len(s) == len("Arab") && s[0] > '9' {
			return slices.Contains(load().RTL, strings.ToUpper(s[:1])+s[1:])
		}
	}
	return slices.Contains(load().RTL, subtags[0])
}

// sign returns a currency's sign; its code where it has none.
func (l *Locale) sign(code string) string {
	for at := l; at != nil; at = at.parent {
		if sign, ok := at.Signs[code]; ok {
			return sign
		}
	}
	if sign, ok := l.table.Signs[code]; ok {
		return sign
	}
	return code
}
