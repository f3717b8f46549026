package locale_test

import (
	"testing"

	"vitrine/internal/locale"
)

func TestMoney(t *testing.T) {
	for _, c := range []struct{ lang, currency, amount, want string }{
		{"en", "EUR", "19.9", "€19.90"},
		{"en", "JPY", "499.00", "¥499"},
		{"en", "KWD", "18.518", "KWD\u00a018.518"},
		{"en", "INR", "129999.00", "₹129,999.00"},
		{"en-IN", "INR", "129999.00", "₹1,29,999.00"},
		{"en", "USD", "0.0125", "$0.0125"}, // not rounded
		{"en", "usd", "5.500", "$5.50"},
		{"en", "USD", "-5", "-$5.00"},
		{"de", "EUR", "1234567.89", "1.234.567,89\u00a0€"},
		{"de-DE", "USD", "5", "5,00\u00a0$"},
		{"de-AT", "EUR", "1234.5", "€\u00a01.234,50"},
		{"es", "EUR", "1234.5", "1234,50\u00a0€"},
		{"ja", "JPY", "499", "￥499"},
		{"zh", "CNY", "311.9", "¥311.90"},
		{"ar-EG", "EUR", "1234.5", "\u200f١٬٢٣٤٫٥٠\u00a0€"},
		{"tlh", "EUR", "5", "€5.00"},
		{"", "EUR", "5", "€5.00"},
		{"en", "POINTS", "5", "5\u00a0POINTS"},
		{"en", "EUR", "on request", "on request"},
		{"en", "EUR", "1e9", "1e9"},
	} {
		if got := locale.Of(c.lang).Money(c.amount, c.currency); got != c.want {
			t.Errorf("%s %s in %q: %q, want %q", c.amount, c.currency, c.lang, got, c.want)
		}
	}
	if got := locale.Of("fr").Number("-1234567.50"); got != "-1\u202f234\u202f567,50" {
		t.Errorf("the number is written %q", got)
	}
}

func TestRTL(t *testing.T) {
	for tag, want := range map[string]bool{"ar": true, "ar-EG": true, "HE": true, "ps": true, "ckb": true, "uz-Arab": true, "az-arab-IR": true, "de": false, "zh-Hant-TW": false, "ar-Latn": false, "": false, "de-1996": false} {
		if locale.RTL(tag) != want {
			t.Errorf("RTL(%q) = %v, want %v", tag, !want, want)
		}
	}
}

func TestLess(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"19.90", "19.9", false}, {"19.90", "19.900", false}, {"9", "10", true}, {"10", "9", false}, {"0009", "10", true}, {"1.5", "1.45", false}, {"1.45", "1.5", true}, {"0.5", "0", false}} {
		if locale.Less(c.a, c.b) != c.want {
			t.Errorf("%s < %s: %v", c.a, c.b, !c.want)
		}
	}
}

func FuzzMoney(f *testing.F) {
	f.Add("de", "EUR", "-5.10")
	f.Add("ar-EG", "K\u0000", "00.000")
	f.Fuzz(func(t *testing.T, lang, currency, amount string) {
		locale.RTL(lang)
		if got := locale.Of(lang).Money(amount, currency); got == "" && amount != "" {
			t.Error("nothing is written")
		}
	})
}
