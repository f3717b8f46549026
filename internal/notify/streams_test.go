package notify_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/catalog"
	"vitrine/internal/notify"
	"vitrine/internal/poll"
)

// TestWire proves that messages of Debezium's sink become changes: also those published while nobody listened, after
// a message without an envelope, after a NATS that accepted nothing for a while, and with a catalog that arrived
// late.
func TestWire(t *testing.T) {
	d := open(t, sources)
	js, err := jetstream.New(d.changes.Conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DebeziumStream", Subjects: []string{"shop.*.*"}})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(subject, body string) {
		t.Helper()
		if _, err := js.Publish(t.Context(), subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	publish("shop.public.products", `{"op":"c","before":null,"after":{"id":1},"source":{"table":"products"}}`)
	publish("shop.public.products", `no JSON`)
	publish("shop.public.products", `{"op":"u","before":{"id":2},"after":{"id":2},"source":{"table":"products"}}`)
	publish("shop.private.products", `{"op":"u","before":{"id":3},"after":{"id":3},"source":{"table":"products"}}`) // on a subject that is not followed

	var there atomic.Bool
	inForce := d.cfg.Catalog
	d.cfg.Catalog = func() *catalog.Catalog {
		if !there.Load() {
			return nil
		}
		return inForce()
	}
	follow := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- notify.New(*d.cfg).Follow(ctx, d.conn) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	acked := func(seq uint64) func() bool {
		return func() bool {
			c, err := stream.Consumer(t.Context(), "vitrine-wire")
			if err != nil {
				return false
			}
			info, err := c.Info(t.Context())
			return err == nil && info.AckFloor.Stream >= seq
		}
	}
	stop := follow()
	there.Store(true)
	poll.Until(t, "the messages are taken", acked(3))
	stop()
	if diff := cmp.Diff([]string{"change.normal.sku.all.1", "change.normal.sku.all.2"}, d.published()); diff != "" {
		t.Error(diff)
	}
	publish("shop.public.products", `{"op":"d","before":{"id":4},"after":null,"source":{"table":"products"}}`)
	stop = follow()
	defer stop()
	poll.Until(t, "what came while nobody followed is taken", acked(5))
	if diff := cmp.Diff([]string{"change.normal.sku.all.4"}, d.published()); diff != "" {
		t.Error(diff)
	}
}
