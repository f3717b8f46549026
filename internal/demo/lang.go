package demo

import (
	"fmt"
	"strings"
)

// Lang is a language of the demo.
type Lang int

// The languages.
const (
	En Lang = iota
	Zh
)

// ParseLang returns the language called "en" or "zh". It fails for any other name, with an error that wraps nothing.
func ParseLang(s string) (Lang, error) {
	switch s {
	case "en":
		return En, nil
	case "zh":
		return Zh, nil
	}
	return En, fmt.Errorf("the demo speaks en and zh, not %q", s)
}

func (l Lang) pick(en, zh string) string { return text{en, zh}[l] }

func (l Lang) currency() string { return l.pick("EUR", "CNY") }

// rate is the price, in the language's currency, of a euro in goods.yaml.
func (l Lang) rate() int64 {
	if l == Zh {
		return 8
	}
	return 1
}

// money formats an amount in cents for a text. Whole amounts are written without cents.
func (l Lang) money(cents int64) string {
	return l.pick("€", "¥") + strings.TrimSuffix(amount(cents), ".00")
}
