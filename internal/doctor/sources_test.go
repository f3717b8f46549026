package doctor_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/internal/bustest"
	"vitrine/internal/catalog"
	"vitrine/internal/doctor"
	"vitrine/internal/node"
	"vitrine/internal/notify"
	"vitrine/internal/poller"
)

const notified = `version: 1
site: { name: Shop, origin: "https://shop.example" }
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities: { sku: { dimensions: { product: { from: shop, get: "/{id}" } }, blobs: { item: { of: [product] } } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
notify: { woo: { form: woocommerce, secret: env:WOO, map: "[]" } }
poll: { feed: { from: shop, kind: sku, get: "/feed?after={cursor}", items: .ids, next: .next } }
`

// TestDoctorLooksAtSources proves that doctor warns of a source that was never heard from and of a poll that was never
// asked, that it names the fault of one that fails, and that it shows what a poll costs.
func TestDoctorLooksAtSources(t *testing.T) {
	server, conn := bustest.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	if err := os.WriteFile(file, []byte(notified), 0o600); err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse([]byte(notified), file, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	asked := cat.Polls["feed"].Asked
	found := func() map[string]doctor.Finding {
		all := map[string]doctor.Finding{}
		doctor.Run(t.Context(), doctor.Config{Dir: dir, NATS: server.URL(), Catalog: file, Log: slog.New(slog.DiscardHandler), Report: func(f doctor.Finding) { all[f.What] = f }})
		return all
	}
	expect := func(f doctor.Finding, ok, warning bool, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if f.OK != ok || f.Warning != warning || !strings.Contains(f.Text, text) {
				t.Errorf("%+v, want %t, %t, %q", f, ok, warning, text)
			}
		}
	}
	put := func(key string, value any) {
		t.Helper()
		body, err := json.Marshal(value)
		if text, ok := value.(string); ok {
			body = []byte(text)
		}
		if err == nil {
			_, err = conn.Bucket(node.MarksBucket).Put(t.Context(), key, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	all := found()
	expect(all["notify"], true, true, "source woo was never heard from", "POST /notify/woo")
	expect(all["poll"], true, true, "poll feed was never asked")

	now := time.Now()
	put(notify.HeardKey("woo"), now.Add(-time.Hour).Format(time.RFC3339))
	put("poll.feed", poller.Note{Asked: asked, Failures: 3, Done: now.Add(-time.Hour), Error: "shop answers 503"})
	all = found()
	expect(all["notify"], true, false, "source woo was heard from 1h0m")
	expect(all["poll"], false, false, "failed 3 times", "1h0m", "shop answers 503")

	put("poll.feed", poller.Note{Asked: asked, Done: now.Add(-time.Minute), Cost: poller.Cost{Since: now.Add(-2 * time.Hour), Requests: 20, Items: 40, Changes: 10}})
	expect(found()["poll"], true, false, "10 requests an hour", "2.0 items a request", "25.0% were announced")
	put("poll.feed", poller.Note{Asked: "another request", Done: now})
	expect(found()["poll"], true, true, "never asked")
}
