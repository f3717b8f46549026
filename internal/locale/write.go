package locale

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const nbsp = "\u00a0"

// Number writes a decimal number with groups of digits: "1.234,50". Its digits stay as given and never become a float. What is no
// decimal number is returned unchanged.
func (l *Locale) Number(s string) string {
	if !Decimal(s) {
		return s
	}
	unsigned, negative := strings.CutPrefix(s, "-")
	written := l.write(unsigned, l.Group, l.Point, l.Second)
	if negative {
		return "-" + written
	}
	return written
}

// Money writes an amount of a currency, which is given by its code of ISO 4217: "€1,234.50", "499 ¥". It has as many digits after the point
// as the currency, unless that would round it: then it stays as given. What is no decimal number is returned unchanged; a currency
// that is no code stands behind the number.
func (l *Locale) Money(amount, currency string) string {
	if !Decimal(amount) {
		return amount
	}
	currency = strings.ToUpper(currency)
	if !Code(currency) {
		return l.Number(amount) + nbsp + currency
	}
	unsigned, negative := strings.CutPrefix(amount, "-")
	number := l.write(l.table.pad(unsigned, currency), cmp.Or(l.MoneyGroup, l.Group), cmp.Or(l.MoneyPoint, l.Point), cmp.Or(l.MoneySecond, l.Second))
	written := strings.Replace(l.pattern(l.sign(currency)), "{}", number, 1)
	if negative {
		return "-" + written
	}
	return written
}

// Code reports whether a text has the form of a currency's code of ISO 4217, such as EUR.
func Code(currency string) bool {
	return len(currency) == len("EUR") && strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// pattern puts a sign into the pattern of amounts. Between a letter of it and the number stands a space.
func (l *Locale) pattern(sign string) string {
	before, after, _ := strings.Cut(l.Pattern, "¤")
	if last, _ := utf8.DecodeLastRuneInString(sign); strings.HasPrefix(after, "{}") && apart(last) {
		sign += nbsp
	}
	if first, _ := utf8.DecodeRuneInString(sign); strings.HasSuffix(before, "{}") && apart(first) {
		sign = nbsp + sign
	}
	return before + sign + after
}

// apart reports whether a space keeps a character of a sign from the number. Source: CLDR, currencySpacing, currencyMatch.
func apart(r rune) bool { return !unicode.IsSymbol(r) && !unicode.Is(unicode.Z, r) }

// pad gives an unsigned amount the digits of its currency.
func (t *table) pad(amount, currency string) string {
	digits, ok := t.Digits[currency]
	if !ok {
		digits = 2
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	switch {
	case len(strings.TrimRight(fraction, "0")) > digits:
		return amount
	case digits == 0:
		return whole
	case len(fraction) > digits:
		fraction = fraction[:digits]
	}
	return whole + "." + fraction + strings.Repeat("0", digits-len(fraction))
}

// write writes an unsigned decimal number.
func (l *Locale) write(s, group, point string, second int) string {
	whole, fraction, dotted := strings.Cut(s, ".")
	second = cmp.Or(second, 3)
	var b strings.Builder
	for i := range len(whole) {
		left := len(whole) - i
		if i > 0 && len(whole) >= l.Least && (left == 3 || left > 3 && (left-3)%second == 0) {
			b.WriteString(group)
		}
		l.digit(&b, whole[i])
	}
	if dotted {
		b.WriteString(point)
		for i := range len(fraction) {
			l.digit(&b, fraction[i])
		}
	}
	return b.String()
}

func (l *Locale) digit(b *strings.Builder, d byte) {
	if l.Digits == "" {
		b.WriteByte(d)
		return
	}
	b.WriteString(l.digits[d-'0'])
}

// Decimal reports whether s is a decimal number without an exponent, of at most 64 bytes.
func Decimal(s string) bool {
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return len(s) <= 64 && Digits(whole) && (!dotted || Digits(fraction))
}

// Digits reports whether s is one or more of the digits 0 to 9.
func Digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Less reports whether an unsigned decimal number is less than another.
func Less(a, b string) bool {
	aWhole, aRest, _ := strings.Cut(a, ".")
	bWhole, bRest, _ := strings.Cut(b, ".")
	aWhole, bWhole = strings.TrimLeft(aWhole, "0"), strings.TrimLeft(bWhole, "0")
	if len(aWhole) != len(bWhole) {
		return len(aWhole) < len(bWhole)
	}
	return cmp.Or(cmp.Compare(aWhole, bWhole), cmp.Compare(strings.TrimRight(aRest, "0"), strings.TrimRight(bRest, "0"))) < 0
}
