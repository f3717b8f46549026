package cli_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/canary"
	"vitrine/internal/long"
	"vitrine/internal/sqltest"
)

// webhookCatalog and pollCatalog make a graphQLCatalog one of a shop that sends webhooks as Shopify does, and of one that is polled.
const (
	webhookCatalog = graphQLCatalog + `
notify:
  shopify:
    form: shopify
    secret: env:SHOPIFY_CANARY
    map: 'if .headers["x-shopify-topic"] | startswith("products/") then [.body.variants[]? | {kind: "sku", id}] else [] end'
`
	pollCatalog = graphQLCatalog + `
poll:
  feed: { from: shop, kind: sku, get: "/changes?after={cursor}", first: 0, items: .ids, next: .last, every: 1s }
`
)

// TestWaysToThePage measures how long it takes from a change until its page shows it: from a row of a real PostgreSQL by Debezium's envelopes,
// from a local shop by a webhook signed as Shopify signs, and from one by a poll every second.
func TestWaysToThePage(t *testing.T) {
	long.Only(t)
	t.Run("a row of PostgreSQL by Debezium", rowsReachPages)
	t.Run("a Shopify webhook", func(t *testing.T) {
		t.Setenv("SHOPIFY_CANARY", canary.Notify)
		s := newGraphQLShop(t, 100)
		v := up(t, t.TempDir(), "--catalog", catalogFor(t, webhookCatalog, s.URL, "2s"), "--notify", "127.0.0.1:0")
		v.refreshAll()
		v.measure(t, s, 200, 0, func(id string) { v.sendWebhook(t, id) })
	})
	t.Run("a poll every second", func(t *testing.T) {
		s := newGraphQLShop(t, 100)
		v := up(t, t.TempDir(), "--catalog", catalogFor(t, pollCatalog, s.URL, "2s"))
		v.refreshAll()
		v.measure(t, s, 60, time.Second, func(string) {})
	})
}

// measure edits variants of a shop, one after the other, and has them announced.
func (r *running) measure(t *testing.T, s *graphQLShop, times int, apart time.Duration, announce func(id string)) {
	t.Helper()
	ids := s.ids()
	arrivals(t, times, apart, func(i int) (shown func() bool) {
		id := ids[i*7%len(ids)]
		s.raise(id)
		n := s.number(id)
		announce(id)
		return func() bool {
			_, shown := r.shown(id)
			return shown == numbers{n, n}
		}
	})
}

// arrivals makes changes, each once the one before is shown and up to a time later, and logs how long that took.
func arrivals(t *testing.T, times int, apart time.Duration, change func(i int) (shown func() bool)) {
	t.Helper()
	var took []time.Duration
	for i := range times {
		<-time.After(time.Duration(i*37%100) * apart / 100) // a change comes at any time between two polls
		began := time.Now()
		shown := change(i)
		for !shown() {
			if time.Since(began) > patience {
				t.Fatalf("change %d is not shown", i)
			}
			<-time.After(time.Millisecond) // eventually looks too seldom for a figure
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("%d changes: p50 %s, p99 %s, max %s", times, took[times/2], took[times*99/100], took[times-1])
}

// sendWebhook notifies of a variant as Shopify does.
func (r *running) sendWebhook(t *testing.T, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"id":788032119674292922,"title":"Example","variants":[{"id":%q,"product_id":788032119674292922}]}`, id)
	mac := hmac.New(sha256.New, []byte(canary.Notify))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.Notify+"/shopify", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Shopify-Topic", "products/update")
	req.Header.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("the webhook is answered with %d", res.StatusCode)
	}
}

// rowsReachPages serves the shop of docs/examples/postgres.yaml, with Debezium's envelopes as its notifications.
func rowsReachPages(t *testing.T) {
	var servers sqltest.Shared
	t.Cleanup(func() {
		if err := servers.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := servers.Postgres(t)
	tables, err := os.ReadFile("../../docs/examples/postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	s.Do(string(tables), "INSERT INTO products (sku, name, price, on_hand) SELECT 'S-' || i, 'Article ' || i, 1, 1 FROM generate_series(1, 100) i")
	example, err := os.ReadFile("../../docs/examples/postgres.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOP_DB_PASSWORD", sqltest.Password)
	const notified = `
notify:
  cdc:
    form: debezium
    subject: shop.public.*
    tables: { products: { kind: sku, key: sku }, product_specs: { kind: sku, dimension: specs, key: sku }, brands: { kind: brand, key: id } }
`
	text := strings.ReplaceAll(string(example), "postgres://reader@127.0.0.1:5432/shop", s.URL) + notified
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, "%s", text))
	conn, err := nats.Connect(canary.Args([]string{v.NATS})[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DebeziumStream", Subjects: []string{"shop.*.*"}}); err != nil {
		t.Fatal(err)
	}
	z := sqltest.Debezium{Prefix: "shop", Publish: func(subject string, body []byte) error {
		_, err := js.Publish(t.Context(), subject, body)
		return err
	}}
	stop := z.Follow(t, s, "brands", "products", "product_specs") // the snapshot fills the shop
	defer stop()
	price := func(id string) string {
		_, _, body := fetch(t, v.Pages+"/item/"+id+".json")
		return string(body)
	}
	for i := range 100 {
		eventually(t, func() string {
			if body := price(fmt.Sprintf("S-%d", i+1)); !strings.Contains(body, `"amount":1.00`) {
				return "the snapshot is not shown: " + body
			}
			return ""
		})
	}
	do := s.Session()
	arrivals(t, 200, 0, func(i int) (shown func() bool) {
		id := fmt.Sprintf("S-%d", 1+i*7%100)
		do(fmt.Sprintf("UPDATE products SET price = %d.25, updated_at = now() WHERE sku = '%s'", i+2, id))
		return func() bool { return strings.Contains(price(id), fmt.Sprintf(`"amount":%d.25`, i+2)) }
	})
}
