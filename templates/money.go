package templates

import (
	"slices"
	"strings"
)

// money writes an amount the way lang does: "€5.10", "5,10 €". Digits pass through as given, never by way
// of a float; what is no decimal number is shown as it is.
func money(amount any, currency, lang any) string {
	digits := number(amount, lang)
	code := text(currency)
	if code == "" || !decimal(text(amount)) {
		return digits
	}
	sign := symbol(code)
	if comma(text(lang)) {
		return digits + "\u00a0" + sign
	}
	if sign == code {
		return code + "\u00a0" + digits
	}
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		return "-" + sign + rest
	}
	return sign + digits
}

// number groups the digits of a decimal number by thousands.
func number(v any, lang any) string {
	s := text(v)
	if !decimal(s) {
		return s
	}
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	group, point := ",", "."
	if comma(text(lang)) {
		group, point = ".", ","
	}
	var b strings.Builder
	if s[0] == '-' {
		b.WriteByte('-')
	}
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(group)
		}
		b.WriteRune(d)
	}
	if dotted {
		b.WriteString(point + fraction)
	}
	return b.String()
}

// comma tells whether the language writes 1.234,50. Others write 1,234.50.
func comma(lang string) bool {
	primary, _, _ := strings.Cut(strings.ToLower(lang), "-")
	return slices.Contains([]string{"da", "de", "el", "es", "id", "it", "nl", "pt", "ru", "sl", "tr", "vi"}, primary)
}

func symbol(code string) string {
	switch code {
	case "EUR":
		return "€"
	case "USD":
		return "$"
	case "GBP":
		return "£"
	case "CNY", "JPY":
		return "¥"
	}
	return code
}

// decimal tells whether s is a number as people read one: an exponent is none.
func decimal(s string) bool {
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return len(s) <= 64 && digits(whole) && (!dotted || digits(fraction))
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
