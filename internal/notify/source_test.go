package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/canary"
)

// sources is the notify section of a catalog, with one source of each form.
const sources = shop + `
notify:
  shopify:
    form: shopify
    secret: env:CANARY
    map: 'if .headers["x-shopify-topic"] | startswith("products/") then [{kind: "sku", id: .body.variants[].id}] else [] end'
  woo: { form: woocommerce, secret: env:CANARY, lane: high, map: '[{kind: "sku", dimension: "product", id: .body.sku}]' }
  ct: { form: commercetools, secret: env:CANARY, map: 'if .body.resource.typeId == "product" then [{kind: "sku", id: .body.resource.id}] else [] end' }
  github: { secret: env:CANARY, signature: { header: X-Hub-Signature-256, prefix: "sha256=" }, map: '[{kind: "sku", id: (.headers.authorization // .headers["x-hub-signature-256"] // .body.id)}]' }
  plain: { secret: env:CANARY, map: '[{kind: "sku", id: .body.id}]' }
  events: { form: cloudevents, secret: env:CANARY, map: 'if .body.type == "price.changed" then [{kind: "sku", dimension: "price", id: .body.subject}] else null end' }
  said: { form: cloudevents, secret: env:CANARY }
  cdc:
    form: debezium
    secret: env:CANARY
    tables: { products: { kind: sku, dimension: product, key: id }, shop.prices: { kind: sku, dimension: price, key: sku } }
  poor: { secret: env:MISSING, map: '[]' }
  wire: { form: debezium, subject: "shop.public.*", tables: { products: { kind: sku, key: id } } }
`

// openSources starts the receiver with the catalog sources.
func openSources(t *testing.T) *door {
	d := open(t, sources)
	d.cfg.Lookup = func(name string) (string, bool) { return token, name == "CANARY" }
	d.serve()
	return d
}

// with makes a header from pairs of names and values.
func with(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func hmacOf(secret, body string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

func base64Of(body string) string { return base64.StdEncoding.EncodeToString(hmacOf(token, body)) }

// TestSources proves which changes each form of request becomes.
func TestSources(t *testing.T) {
	const (
		product      = `{"id":7,"variants":[{"id":808950810},{"id":49148385}]}`
		order        = `{"id":1}`
		notification = `{"notificationType":"ResourceUpdated","resource":{"typeId":"product","id":"ab-1"}}`
		row          = `{"schema":{},"payload":{"op":"u","before":{"id":1},"after":{"id":2},"source":{"db":"shop","schema":"public","table":"products"}}}`
	)
	token := "Bearer " + token
	tests := []struct {
		name, path, body string
		header           http.Header
		status           int
		want             []string
	}{
		{"shopify", "shopify", product, with("X-Shopify-Topic", "products/update", "X-Shopify-Hmac-Sha256", base64Of(product)), 202, []string{"change.normal.sku.all.49148385", "change.normal.sku.all.808950810"}},
		{"shopify, another topic", "shopify", order, with("X-Shopify-Topic", "orders/create", "X-Shopify-Hmac-Sha256", base64Of(order)), 202, nil},
		{"woocommerce", "woo", `{"sku":"a b"}`, with("X-WC-Webhook-Signature", base64Of(`{"sku":"a b"}`)), 200, []string{"change.high.sku.product.a=20b"}},
		{"woocommerce's ping", "woo", `webhook_id=12`, nil, 200, nil},
		{"commercetools", "ct", notification, with("Authorization", token), 202, []string{"change.normal.sku.all.ab-1"}},
		{"commercetools by Pub/Sub", "ct", fmt.Sprintf(`{"message":{"data":%q}}`, base64.StdEncoding.EncodeToString([]byte(notification))), with("Authorization", token), 202, []string{"change.normal.sku.all.ab-1"}},
		{"commercetools by SNS", "ct", fmt.Sprintf(`{"Type":"Notification","Message":%q}`, notification), with("Authorization", token), 202, []string{"change.normal.sku.all.ab-1"}},
		{"commercetools as CloudEvent", "ct", `{"specversion":"1.0","data":` + notification + `}`, with("Authorization", token), 202, []string{"change.normal.sku.all.ab-1"}},
		{"a signature of one's own", "github", `{"id":"x"}`, with("X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmacOf(canary.Notify, `{"id":"x"}`))), 202, []string{"change.normal.sku.all.x"}},
		{"a CloudEvent, structured", "events", `{"specversion":"1.0","type":"price.changed","source":"/erp","id":"e1","subject":"12049.1"}`, with("Authorization", token), 202, []string{"change.normal.sku.price.12049=2E1"}},
		{"CloudEvents, batched", "events", `[{"specversion":"1.0","type":"price.changed","source":"/erp","id":"e1","subject":"1"},{"specversion":"1.0","type":"other","source":"/erp","id":"e2"}]`, with("Authorization", token), 202, []string{"change.normal.sku.price.1"}},
		{"a CloudEvent, binary", "events", ``, with("Authorization", token, "ce-specversion", "1.0", "ce-type", "price.changed", "ce-source", "/erp", "ce-id", "e1", "ce-subject", "1", "ce-time", "2026-01-02T03:04:05Z"), 202, []string{"change.normal.sku.price.1"}},
		{"a CloudEvent whose data are changes", "said", `{"specversion":"1.0","type":"t","source":"/erp","id":"e1","data":[{"kind":"sku","id":1},{"kind":"sku","id":2}]}`, with("Authorization", token), 202, []string{"change.normal.sku.all.1", "change.normal.sku.all.2"}},
		{"a CloudEvent whose data are in base64", "said", `{"specversion":"1.0","type":"t","source":"/erp","id":"e1","data_base64":"eyJraW5kIjoic2t1IiwiaWQiOjF9"}`, with("Authorization", token), 202, []string{"change.normal.sku.all.1"}},
		{"a CloudEvent to /notify", "", `{"kind":"sku","id":"1"}`, with("Authorization", token, "ce-specversion", "1.0", "ce-type", "t", "ce-source", "/erp", "ce-id", "e1"), 202, []string{"change.normal.sku.all.1"}},
		{"a row whose key changed", "cdc", row, with("Authorization", token), 202, []string{"change.normal.sku.product.1", "change.normal.sku.product.2"}},
		{"a row that was deleted", "cdc", `{"op":"d","before":{"sku":"a.b"},"after":null,"source":{"db":"shop","table":"prices"}}`, with("Authorization", token), 202, []string{"change.normal.sku.price.a=2Eb"}},
		{"a row of a snapshot", "cdc", `{"op":"r","before":null,"after":{"id":5},"source":{"table":"products"}}`, with("Authorization", token), 202, []string{"change.refresh.sku.product.5"}},
		{"a row of a table that nobody named", "cdc", `{"op":"u","after":{"id":5},"source":{"table":"carts"}}`, with("Authorization", token), 202, nil},
		{"a number that is no id: said, and not to be sent again", "plain", `{"id":1.5}`, with("Authorization", token), 202, nil},

		{"no signature", "shopify", product, with("X-Shopify-Topic", "products/update"), 401, nil},
		{"another body's signature", "shopify", product, with("X-Shopify-Topic", "products/update", "X-Shopify-Hmac-Sha256", base64Of(order)), 401, nil},
		{"a signature in hex", "shopify", product, with("X-Shopify-Hmac-Sha256", hex.EncodeToString(hmacOf(canary.Notify, product))), 401, nil},
		{"the bearer token in place of a signature", "woo", `{"sku":"1"}`, with("Authorization", token), 401, nil},
		{"an unsigned ping with something behind", "woo", "webhook_id=12\n{}", nil, 401, nil},
		{"no token", "plain", `{"id":"1"}`, nil, 401, nil},
		{"a source that is not there", "nobody", `{"id":"1"}`, with("Authorization", token), 404, nil},
		{"a source of NATS", "wire", row, with("Authorization", token), 404, nil},
		{"a source whose secret is missing here", "poor", `{}`, with("Authorization", token), 503, nil},
		{"a map that fails", "plain", `[1]`, with("Authorization", token), 422, nil},
		{"no JSON", "plain", `<id>`, with("Authorization", token), 400, nil},
		{"JSON too deep", "plain", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), with("Authorization", token), 400, nil},
		{"a CloudEvent of another version", "events", `{"specversion":"0.3","type":"t","source":"/erp","id":"e1"}`, with("Authorization", token), 400, nil},
		{"no CloudEvent", "events", `{}`, with("Authorization", token), 400, nil},
		{"a row without its key", "cdc", `{"op":"u","before":null,"after":{"name":"x"},"source":{"table":"products"}}`, with("Authorization", token), 400, nil},
		{"a truncated table", "cdc", `{"op":"t","source":{"table":"products"}}`, with("Authorization", token), 400, nil},
		{"a row whose key is not told", "cdc", `{"op":"u","before":null,"after":{"id":"__debezium_unavailable_value"},"source":{"table":"products"}}`, with("Authorization", token), 400, nil},
		{"a row without its envelope", "cdc", `{"id":1}`, with("Authorization", token), 400, nil},
	}
	d := openSources(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d.T = t
			path := "/notify"
			if test.path != "" {
				path += "/" + test.path
			}
			for range 2 { // sent twice, since a repetition is harmless
				if status, text := d.post(path, test.body, test.header); status != test.status {
					t.Errorf("status %d, want %d: %s", status, test.status, text)
				}
			}
			if diff := cmp.Diff(test.want, d.published()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestARefusedEntryOfASourceIsLoggedOnce proves that the log shows a sender that keeps sending an invalid id.
func TestARefusedEntryOfASourceIsLoggedOnce(t *testing.T) {
	d := openSources(t)
	for range 3 {
		d.post("/notify/plain", `{"id":".."}`, bearer())
	}
	if n := strings.Count(d.log.String(), "source plain: 1 refused"); n != 1 {
		t.Errorf("%d lines:\n%s", n, d.log)
	}
}
