package templates

import (
	"strings"

	"vitrine/internal/locale"
	"vitrine/internal/view"
)

// money returns an amount as lang writes it: "€5.10", "5,10 €", or without a currency as a number. Text that is no decimal number is
// returned unchanged.
func money(amount, currency, lang view.Value) string {
	code := text(currency)
	if code == "" {
		return number(amount, lang)
	}
	return locale.Of(text(lang)).Money(text(amount), code)
}

// number groups the digits of a decimal number as lang does.
func number(v, lang view.Value) string { return locale.Of(text(lang)).Number(text(v)) }

// positive is the template function of that name: the text of v, or "" for a negative number, which is no amount and no quantity.
func positive(v view.Value) string {
	s := text(v)
	if strings.HasPrefix(s, "-") && locale.Decimal(s) {
		return ""
	}
	return s
}

// reduced is the template function of that name: it returns the list price if that is a number higher than the amount, and otherwise nothing.
func reduced(list, amount view.Value) view.Value {
	if _, _, ok := reduction(list, amount); ok {
		return list
	}
	return view.Value{}
}

// reduction returns both as decimal numbers. ok is false unless the list price is the higher one and neither is negative.
func reduction(list, amount view.Value) (was, now string, ok bool) {
	was, now = text(list), text(amount)
	return was, now, decimal(was) && decimal(now) && locale.Less(now, was)
}

// direction is the template function dir: it returns "rtl" for a language that is written from right to left, and otherwise "ltr".
func direction(lang view.Value) string {
	if locale.RTL(text(lang)) {
		return "rtl"
	}
	return "ltr"
}

// decimal reports whether s is a decimal number of at most 64 bytes, neither negative nor with an exponent.
func decimal(s string) bool { return locale.Decimal(s) && s[0] != '-' }
