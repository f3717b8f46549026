package demo

import (
	"fmt"
	"strings"
)

// Lang is a language of the demo.
type Lang int

// Languages.
const (
	En Lang = iota
	Zh
)

// ParseLang reads "en" or "zh".
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

// rate is what a euro of goods.yaml is in the language's currency.
func (l Lang) rate() int64 {
	if l == Zh {
		return 8
	}
	return 1
}

// money writes whole amounts without cents.
func (l Lang) money(cents int64) string {
	return l.pick("€", "¥") + strings.TrimSuffix(amount(cents), ".00")
}
