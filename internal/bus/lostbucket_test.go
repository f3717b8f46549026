package bus_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
)

func TestAWriteToALostBucketMakesIt(t *testing.T) {
	t.Parallel()
	server := embed(t, t.TempDir(), "127.0.0.1:0")
	c := dial(t, bus.Config{URL: server.URL()})
	raw, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	js, err := jetstream.New(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "KV_nodes"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Bucket("nodes").Put(t.Context(), "n", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Bucket("nodes").Get(t.Context(), "n"); err != nil || string(got.Value) != "1" {
		t.Errorf("read back %q, %v", got.Value, err)
	}
}
