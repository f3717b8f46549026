package notify_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/canary"
	"vitrine/internal/catalog"
	"vitrine/internal/notify"
	"vitrine/internal/sqltest"
	"vitrine/internal/testlog"
)

var servers sqltest.Shared

func TestMain(m *testing.M) { servers.Main(m) }

const shop = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/{id}" }, price: { from: shop, get: "/p/{id}" } }
    blobs: { item: { of: [product, price] } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

const token = canary.Notify

// door is a receiver in front of a real NATS.
type door struct {
	*testing.T
	url     string
	server  *bus.Server
	conn    *bus.Conn
	cfg     *notify.Config
	log     *testlog.Buffer
	changes listener
}

// open starts a receiver with the catalog source.
func open(t *testing.T, source string) *door {
	t.Helper()
	cat, err := catalog.Parse([]byte(source), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{T: t, log: &testlog.Buffer{}}
	d.server, d.conn = bustest.Start(t)
	d.changes = listen(t, d.server.URL())
	d.cfg = &notify.Config{
		Catalog: func() *catalog.Catalog { return cat }, Head: func() error { return nil }, Bus: d.conn, Token: token,
		Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return d
}

// serve starts the receiver with its current configuration.
func (d *door) serve() {
	s := httptest.NewServer(notify.New(*d.cfg).Handler())
	d.Cleanup(s.Close)
	t := d.T
	t.Cleanup(func() {
		canary.Search(t, "the log", d.log.String())
	})
	d.url = s.URL
}

// post sends a request and returns the status and the body of its response.
func (d *door) post(path, body string, header http.Header) (int, string) {
	d.Helper()
	q, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	q.Header = header
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(q)
	if err != nil {
		d.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.Fatal(err)
	}
	canary.Search(d, "the answer", string(text))
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// published lists the subjects published since its last call, each once.
func (d *door) published() (subjects []string) {
	d.Helper()
	if err := d.changes.Conn.Flush(); err != nil { // afterwards everything that NATS has acknowledged has arrived here
		d.Fatal(err)
	}
	n, _, err := d.changes.Sub.Pending()
	if err != nil {
		d.Fatal(err)
	}
	for range n {
		m, err := d.changes.Sub.NextMsg(time.Minute)
		if err != nil {
			d.Fatal(err)
		}
		subjects = append(subjects, m.Subject)
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// listener is a plain NATS client that receives all changes.
type listener struct {
	Conn *nats.Conn
	Sub  *nats.Subscription
}

func listen(t *testing.T, url string) (l listener) {
	t.Helper()
	var err error
	l.Conn, err = nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Conn.Close)
	l.Sub, err = l.Conn.SubscribeSync("change.>")
	if err == nil {
		err = l.Conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func bearer() http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// answered decodes the body of a response.
func (d *door) answered(text string) (a notify.Result) {
	d.Helper()
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		d.Fatalf("%s: %v", text, err)
	}
	return a
}

func noCatalog() *catalog.Catalog { return nil }
