package bus_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/plan"
	"vitrine/internal/poll"
)

// TestChangesTakeWhatAPlanSays compares the bytes of stored changes, and the bounds of HISTORY, with what vitrine plan counts with.
func TestChangesTakeWhatAPlanSays(t *testing.T) {
	server, conn := bustest.Start(t)
	const n = 500
	changes := make([]item.Change, n)
	for i := range changes {
		changes[i] = item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: fmt.Sprint(100_000 + i)}, Dimension: "product"}
	}
	if err := conn.PublishChanges(t.Context(), changes, bus.PublishOptions{Event: time.Now(), Everywhere: true}); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{bus.Changes: plan.WaitingBytes, bus.History: plan.HistoryBytes} {
		var info *jetstream.StreamInfo
		poll.Until(t, name+" has all", func() bool {
			stream, err := js.Stream(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			info = stream.CachedInfo()
			return info.State.Msgs == n
		})
		each := float64(info.State.Bytes) / n
		if math.Abs(each-want) > want/5 {
			t.Errorf("a change takes %.0f bytes of %s, and a plan says %.0f", each, name, want)
		}
		if name == bus.History && (info.Config.MaxBytes != plan.HistoryMost || info.Config.MaxAge.Seconds() != plan.HistoryAge) {
			t.Errorf("HISTORY keeps %d bytes for %s, which a plan does not know", info.Config.MaxBytes, info.Config.MaxAge)
		}
	}
}
