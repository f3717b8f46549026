package item_test

import (
	"errors"
	"strings"
	"testing"

	"vitrine/internal/item"
)

func TestIDs(t *testing.T) {
	for id, token := range map[string]string{
		"100012": "100012", "MH01-XS-Black": "MH01-XS-Black", "12049.1": "12049=2E1", "a/b c": "a=2Fb=20c", "茶": "=E8=8C=B6", "=": "=3D",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		if got := item.EncodeID(id); got != token {
			t.Errorf("%q is written %s, want %s", id, got, token)
		}
		if got, err := item.DecodeID(strings.ToLower(token)); err != nil || !strings.EqualFold(got, id) {
			t.Errorf("%s in lower case is read as %q, %v", token, got, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a\nb", "a\x7f", "a\u0085", "\xff", strings.Repeat("x", 65)} {
		if _, err := item.NewEntity("sku", id); !errors.Is(err, item.ErrID) {
			t.Errorf("%q: %v, want ErrID", id, err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"sku": true, "a_1": true, "": false, "1a": false, "Sku": false, "a-b": false, strings.Repeat("a", 33): false} {
		if err := item.CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v, want a name: %t", name, err, ok)
		}
	}
}

func TestChanges(t *testing.T) {
	for subject, id := range map[string]string{
		"change.normal.sku.product.100012": "100012", "change.high.sku.product.12049.1": "12049.1", "change.refresh.sku.all.12049=2e1": "12049.1",
	} {
		if c, err := item.ParseChange(subject); err != nil || c.Entity.ID != id {
			t.Errorf("ParseChange(%s) = %+v, %v; want the id %q", subject, c, err, id)
		}
	}
	for _, subject := range []string{"", "change", "change.normal.sku.product", "change.urgent.sku.product.1", "change.normal.Sku.product.1",
		"change.normal.sku.Product.1", "change.normal.sku.product.=2", "change.normal.sku.product.=ZZ", "change.normal.sku.product...", "sync.normal.sku.1"} {
		if _, err := item.ParseChange(subject); !errors.Is(err, item.ErrSubject) {
			t.Errorf("%q: %v, want ErrSubject", subject, err)
		}
	}
}

func TestVersionsCompareAsText(t *testing.T) {
	for _, rising := range [][]string{
		{"0", "9", "10", "18446744073709551616", "99999999999999999999"},
		{"1969-12-31T23:59:59Z", "2026-11-21T01:00:00.1Z", "2026-11-21T02:00:00.11+01:00", "2026-11-21T01:00:01Z"},
	} {
		last := item.Version("")
		for _, s := range rising {
			v, err := item.NewVersion(s)
			if err != nil || v <= last {
				t.Errorf("%s is %s after %s, %v", s, v, last, err)
			}
			if item.VersionFromBytes(v.Bytes()) != v {
				t.Errorf("%s is not what its bytes say", s)
			}
			last = v
		}
	}
	for _, s := range []string{"", "-1", "1.5", "1e3", "100000000000000000000", "yesterday", "9999-01-01T00:00:00Z"} {
		if v, err := item.NewVersion(s); !errors.Is(err, item.ErrVersion) {
			t.Errorf("%q is %s, %v", s, v, err)
		}
	}
}

func FuzzParseChange(f *testing.F) {
	f.Add("change.normal.sku.product.12049=2E1")
	f.Fuzz(func(t *testing.T, subject string) {
		c, err := item.ParseChange(subject)
		if err != nil {
			return
		}
		if again, err := item.ParseChange(c.Subject()); err != nil || again != c {
			t.Errorf("%q is %+v, then %+v, %v", subject, c, again, err)
		}
	})
}
