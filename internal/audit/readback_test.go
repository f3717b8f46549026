package audit_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// readBack audits a change of sku0000 whose blob is served as given, and returns the verdict.
func (r *room) readBack(served audit.Served) (right bool) {
	r.Helper()
	read := make(chan bool, 1000)
	agent := audit.NewReadBack(audit.ReadBackConfig{
		Catalog: func() *catalog.Catalog { return r.catalog }, Records: r.store, Changes: r.conn, Log: slog.New(slog.DiscardHandler),
		Served: func(context.Context, item.Entity, string) (audit.Served, error) { return served, nil },
		Read:   func(_ time.Duration, right bool) { read <- right },
		Ages:   []time.Duration{time.Nanosecond}, Every: 10 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		select {
		case right := <-read:
			return right
		case <-tick.C:
			change := item.Change{Lane: item.Normal, Entity: priceKey("sku0000").Entity, Dimension: "price"}
			if err := r.conn.PublishChanges(ctx, []item.Change{change}, bus.PublishOptions{}); err != nil {
				r.Fatal(err)
			}
		case <-limit:
			r.Fatal("no change was read back")
		}
	}
}

func TestReadBackKnowsDeletionsAndRestores(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	later := time.Now().Add(time.Hour) // after every change of the test
	store := func(life kv.Existence, body string) uint64 {
		r.write("sku0000", kv.Value{Header: kv.Header{Existence: life, Shape: r.price().Shape, Fetched: later}, Body: []byte(body)})
		states, err := r.store.States(t.Context(), []item.Entity{priceKey("sku0000").Entity})
		if err != nil {
			t.Fatal(err)
		}
		return states[0].Gens["price"]
	}
	alive := store(kv.Alive, `{"amount":1}`)
	gone := uint64(0)
	for _, c := range []struct {
		name   string
		before func()
		served audit.Served
		right  bool
	}{
		{"what is served as it is", func() {}, audit.Served{There: true, Gen: alive}, true},
		{"a deletion that is served as one", func() { gone = store(kv.Gone, "") }, audit.Served{}, true},
		{"a deletion that is not served yet", func() {}, audit.Served{There: true, Gen: alive}, false},
		{"a restored entity", func() { alive = store(kv.Alive, `{"amount":1}`) }, audit.Served{There: true, Gen: 1 << 62}, true},
		{"a restored entity that is served as deleted", func() {}, audit.Served{}, false},
		{"a restored entity that is served as it was before", func() {}, audit.Served{There: true, Gen: gone}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.before()
			if right := r.readBack(c.served); right != c.right {
				t.Errorf("counted as right: %v", right)
			}
		})
	}
}
