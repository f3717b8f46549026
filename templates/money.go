package templates

import (
	"cmp"
	"strings"

	"vitrine/internal/view"
)

// format is how a language writes numbers and amounts. Source: Unicode CLDR 46, decimal numbers and the standard currency pattern.
type format struct {
	group, point string
	money        string // {} is the number, ¤ the currency's sign
	whole        bool   // numbers of four digits have no group mark
}

const nbsp = "\u00a0"

// formatOf returns a language's format, found by its tag, then by its primary subtag. Other languages have the format of English.
func formatOf(lang string) format {
	lang = strings.ToLower(lang)
	primary, _, _ := strings.Cut(lang, "-")
	for _, l := range []string{lang, primary} {
		switch l {
		case "de-ch":
			return format{group: "’", point: ".", money: "¤" + nbsp + "{}"}
		case "de", "da", "el", "it", "sl", "vi":
			return format{group: ".", point: ",", money: "{}" + nbsp + "¤"}
		case "es":
			return format{group: ".", point: ",", money: "{}" + nbsp + "¤", whole: true}
		case "nl", "pt-br", "id":
			return format{group: ".", point: ",", money: "¤" + nbsp + "{}"}
		case "tr":
			return format{group: ".", point: ",", money: "¤{}"}
		case "fr":
			return format{group: "\u202f", point: ",", money: "{}" + nbsp + "¤"}
		case "pl", "pt":
			return format{group: nbsp, point: ",", money: "{}" + nbsp + "¤", whole: true}
		case "cs", "fi", "hu", "nb", "ru", "sk", "sv", "uk":
			return format{group: nbsp, point: ",", money: "{}" + nbsp + "¤"}
		}
	}
	return format{group: ",", point: ".", money: "¤{}"}
}

// pattern returns the money format with the sign of a currency put in. A sign of letters is followed by a space.
func (f format) pattern(code string) string {
	sign := symbol(code)
	if sign == code && strings.HasPrefix(f.money, "¤{") {
		sign += nbsp
	}
	return strings.Replace(f.money, "¤", sign, 1)
}

// money returns an amount as lang writes it: "€5.10", "5,10 €". The digits stay as given and never become a float. An amount that is no
// decimal number is returned unchanged.
func money(amount, currency, lang view.Value) string {
	code := text(currency)
	if code == "" || !decimal(text(amount)) {
		return number(amount, lang)
	}
	f := formatOf(text(lang))
	unsigned, negative := strings.CutPrefix(text(amount), "-")
	written := strings.Replace(f.pattern(code), "{}", f.digits(unsigned), 1)
	if negative {
		return "-" + written
	}
	return written
}

// number groups the digits of a decimal number by thousands.
func number(v, lang view.Value) string {
	s := text(v)
	if !decimal(s) {
		return s
	}
	f := formatOf(text(lang))
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		return "-" + f.digits(rest)
	}
	return f.digits(s)
}

func (f format) digits(s string) string {
	whole, fraction, dotted := strings.Cut(s, ".")
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 && (len(whole) > 4 || !f.whole) {
			b.WriteString(f.group)
		}
		b.WriteRune(d)
	}
	if dotted {
		b.WriteString(f.point + fraction)
	}
	return b.String()
}

// amounts is the template function: what a script needs to write amounts as money does. Whole is whether four digits stand without a
// group mark.
func amounts(page view.Value) view.Value {
	f := formatOf(textAt(page, "Site", "Lang"))
	pattern := "{}"
	if code := cmp.Or(textAt(page, "price", "currency"), textAt(page, "Site", "Currency")); code != "" {
		pattern = f.pattern(code)
	}
	return view.OfMembers(view.Fields{field("Money", pattern), field("Group", f.group), field("Point", f.point), {Name: "Whole", Value: view.OfBool(f.whole)}})
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
	case "KRW":
		return "₩"
	case "INR":
		return "₹"
	case "BRL":
		return "R$"
	case "PLN":
		return "zł"
	case "CZK":
		return "Kč"
	case "SEK", "NOK":
		return "kr"
	case "DKK":
		return "kr."
	case "UAH":
		return "₴"
	case "TRY":
		return "₺"
	}
	return code
}

// decimal reports whether s is a decimal number without an exponent, of at most 64 bytes.
func decimal(s string) bool {
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return len(s) <= 64 && digits(whole) && (!dotted || digits(fraction))
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
