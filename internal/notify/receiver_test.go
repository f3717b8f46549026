package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/notify"
)

// TestNotify proves, for each form of request with a valid token, the response and what NATS then holds.
func TestNotify(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		taken      int
		refused    map[int]string // index → a part of the reason
		want       []string
	}{
		{"one", `{"kind":"sku","dimension":"price","id":"1","lane":"high"}`, 202, 1, nil, []string{"change.high.sku.price.1"}},
		{"one without lane or dimension", `{"kind":"sku","id":"1"}`, 202, 1, nil, []string{"change.normal.sku.all.1"}},
		{"a list", `[{"kind":"sku","id":"1"},{"kind":"sku","dimension":"price","id":12049}]`, 202, 2, nil, []string{"change.normal.sku.all.1", "change.normal.sku.price.12049"}},
		{"ids of any kind", `[{"kind":"sku","id":"12049.1"},{"kind":"sku","id":"a b>*"},{"kind":"sku","id":1234567890123456789012}]`, 202, 3, nil,
			[]string{"change.normal.sku.all.12049=2E1", "change.normal.sku.all.1234567890123456789012", "change.normal.sku.all.a=20b=3E=2A"}},
		{"none", `[]`, 202, 0, nil, nil},
		{"some that are none", `[{"kind":"sku","id":"1"},{"kind":"cart","id":"1"},{"kind":"sku","dimension":"prize","id":"1"},{"kind":"sku","id":".."},{"kind":"sku","id":""},
			{"kind":"sku"},{"kind":"sku","id":1.5},{"kind":"sku","id":"1","lane":"slow"},{"kind":"sku","id":"1","dimesion":"x"},7,{"kind":"sku","id":"a\nb"},{"kind":"a.b","id":"1"},null]`, 400, 1,
			map[int]string{1: "no kind called", 2: "no dimension of sku called", 3: "path step", 4: "empty", 5: "neither text nor", 6: "1.5", 7: "slow", 8: "dimesion", 9: "a change is", 10: "control", 11: "bad name", 12: "neither text"},
			[]string{"change.normal.sku.all.1"}},
	}
	d := open(t, shop)
	d.serve()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d.T = t
			for range 2 { // sent twice, since a repetition is harmless
				status, text := d.post("/notify", test.body, bearer())
				got := d.answered(text)
				if status != test.status || got.Taken != test.taken || len(got.Refused) != len(test.refused) {
					t.Errorf("status %d, want %d with %d taken and %d refused: %s", status, test.status, test.taken, len(test.refused), text)
				}
				for _, r := range got.Refused {
					if why := test.refused[r.Index]; why == "" || !strings.Contains(r.Error, why) {
						t.Errorf("%d is refused by %q, not by %q", r.Index, r.Error, why)
					}
				}
			}
			if diff := cmp.Diff(test.want, d.published()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNotifyRefuses proves that these requests are refused and that nothing is published.
func TestNotifyRefuses(t *testing.T) {
	const one = `{"kind":"sku","id":"1"}`
	mac := hmac.New(sha256.New, []byte("another secret of 16 bytes"))
	mac.Write([]byte(one))
	list := "[" + strings.Repeat(one+",", notify.MaxChanges) + one + "]"
	tests := []struct {
		name, body string
		header     http.Header
		status     int
	}{
		{"nobody", one, nil, 401},
		{"another token", one, http.Header{"Authorization": {"Bearer x" + token}}, 401},
		{"no token", one, http.Header{"Authorization": {"Bearer "}}, 401},
		{"a part of the token", one, http.Header{"Authorization": {"Bearer " + token[:8]}}, 401},
		{"another key's signature", one, http.Header{notify.SignatureHeader: {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}, 401},
		{"another body's signature", `{"kind":"sku","id":"2"}`, signed(one), 401},
		{"no hex", one, http.Header{notify.SignatureHeader: {"sha256=zz"}}, 401},
		{"no JSON", `{"kind":`, bearer(), 400},
		{"nothing", ``, bearer(), 400},
		{"text", `"sku"`, bearer(), 400},
		{"no UTF-8", "{\"kind\":\"\xff\"}", bearer(), 400},
		{"too deep", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), bearer(), 400},
		{"too large", strings.Repeat(" ", notify.MaxBody) + one, bearer(), 413},
		{"too many", list, bearer(), 413},
	}
	d := open(t, shop)
	d.serve()
	for _, test := range tests {
		status, text := d.post("/notify", test.body, test.header)
		if status != test.status || !strings.Contains(text, `"error":"`) {
			t.Errorf("%s: status %d, want %d with an error: %s", test.name, status, test.status, text)
		}
	}
	if got := d.published(); len(got) > 0 {
		t.Errorf("published: %q", got)
	}
	if status, text := d.post("/notify", one, signed(one)); status != 202 {
		t.Errorf("signed as it should be: %d %s", status, text)
	}
	if n := strings.Count(d.log.String(), "a notification was refused"); n != 1 {
		t.Errorf("%d lines of refused senders:\n%s", n, d.log)
	}
}

// TestNotifyWithoutToken proves that a process without a secret accepts no request.
func TestNotifyWithoutToken(t *testing.T) {
	d := open(t, shop)
	d.cfg.Token = ""
	d.serve()
	for _, header := range []http.Header{nil, {"Authorization": {"Bearer "}}, {notify.SignatureHeader: {"sha256="}}} {
		if status, text := d.post("/notify", `{"kind":"sku","id":"1"}`, header); status != 401 || !strings.Contains(text, "--notify-token") {
			t.Errorf("status %d, want 401 with a hint at --notify-token: %s", status, text)
		}
	}
}

// away is a NATS that accepts nothing.
type away struct{}

func (away) PublishChanges(context.Context, []item.Change, bus.PublishOptions) error {
	return errors.New("no answer")
}

// TestNotifyWaits proves that a sender is told to try again when its request cannot be stored or judged at the
// moment.
func TestNotifyWaits(t *testing.T) {
	for name, change := range map[string]func(*notify.Config){
		"NATS is away":                func(c *notify.Config) { c.Bus = away{} },
		"no catalog is in force":      func(c *notify.Config) { c.Catalog = noCatalog },
		"the catalog is not the last": func(c *notify.Config) { c.Head = func() error { return item.ErrCatalog } },
	} {
		d := open(t, shop)
		change(d.cfg)
		outcomes := ""
		d.cfg.Counted = func(outcome string, taken, refused int) { outcomes += fmt.Sprintf("%s %d %d", outcome, taken, refused) }
		d.serve()
		if status, text := d.post("/notify", `[{"kind":"sku","id":"1"},{"kind":"new","id":"1"}]`, bearer()); status != 503 {
			t.Errorf("%s: status %d, want 503: %s", name, status, text)
		}
		if got := d.published(); outcomes != "unavailable 0 0" || len(got) > 0 {
			t.Errorf("%s: %s, and there is %q", name, outcomes, got)
		}
	}
}

func TestSecret(t *testing.T) {
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"LONG": token, "SHORT": "canary"}[name]
		return value, ok
	}
	for given, want := range map[string]string{
		"env:LONG": "", "env:SHORT": "fewer than 16 bytes", "env:NONE": "no NONE", "env:": "write env:NAME", token: "write env:NAME", "": "write env:NAME",
	} {
		secret, err := notify.Secret(given, env)
		switch {
		case want == "" && (err != nil || secret != token):
			t.Errorf("the secret %s: error %v, want none", given, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")):
			t.Errorf("the secret %s: error %v, want %q", given, err, want)
		}
	}
}

func signed(body string) http.Header {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(body))
	return http.Header{notify.SignatureHeader: {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
}
