package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestWorkParkedForAnUpstreamThatIsNoMore proves that parked work is done at another upstream once a new catalog
// names that one, and that the old place is no longer counted.
func TestWorkParkedForAnUpstreamThatIsNoMore(t *testing.T) {
	t.Parallel()
	for name, served := range map[string]bool{"by whoever knew it before": true, "after a restart": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t)
			var moved atomic.Bool
			handle, tasks := says()
			cfg := bus.ConsumerConfig{
				Conn: c, Handle: handle, Timing: bus.Timing{Stranded: 400 * time.Millisecond},
				Placement: bus.Placement{
					All: func() []bus.Place {
						if moved.Load() {
							return []bus.Place{{Name: "new", Limit: 4}}
						}
						return []bus.Place{{Name: "old", Limit: 4}}
					},
					Capacity: func(place string) int {
						if place == "old" {
							return 0
						}
						return 1000
					},
				},
			}
			cfg.Placement.Of = func(item.Change) bus.Place { return cfg.Placement.All()[0] }
			stop := consume(t, cfg)
			var changes []item.Change
			for i := range 30 {
				changes = append(changes, change(item.Lanes()[i%3], fmt.Sprint(i)))
			}
			if err := c.PublishChanges(t.Context(), changes, bus.PublishOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
			poll.Until(t, "all to be parked", func() bool { return parked(t, c) == 30 })
			if !served {
				if err := stop(); err != nil {
					t.Fatal(err)
				}
			}
			moved.Store(true)
			if !served {
				consume(t, cfg)
			}
			for range changes {
				if got := receive(t, "what was parked", tasks); !got.Force || got.Attempt != 1 {
					t.Errorf("it became %+v", got)
				}
			}
			poll.Until(t, "nothing to be counted", func() bool { return left(t, c) == 0 && parked(t, c) == 0 })
			poll.Until(t, "the old upstream's consumers to be gone", func() bool { return !hasConsumers(t, c, "-old-") })
		})
	}
}

func hasConsumers(t *testing.T, c *bus.Conn, part string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := bus.JetStream(c).Stream(ctx, bus.Parked)
	if err != nil {
		t.Fatal(err)
	}
	names := stream.ConsumerNames(ctx)
	found := false
	for name := range names.Name() {
		found = found || strings.Contains(name, part)
	}
	if err := names.Err(); err != nil && err != jetstream.ErrEndOfData {
		t.Fatal(err)
	}
	return found
}

// TestParkedWorkIsNotListed proves that looks for stranded work list no subjects while parked work is taken up: NATS takes
// seconds to list a million.
func TestParkedWorkIsNotListed(t *testing.T) {
	t.Parallel()
	c := connect(t)
	var looks, lists atomic.Int64
	sub, err := bus.JetStream(c).Conn().Subscribe("$JS.API.STREAM.INFO."+bus.Parked, func(m *nats.Msg) {
		looks.Add(1)
		if bytes.Contains(m.Data, []byte(`"parked.\u003e"`)) {
			lists.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	const all = 3000
	for i := range all {
		m := &nats.Msg{Subject: item.ParkedSubject("sick", change(item.Refresh, fmt.Sprintf("s%d", i)))}
		if _, err := bus.JetStream(c).PublishMsgAsync(m); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			receive(t, "what NATS has stored", bus.JetStream(c).PublishAsyncComplete())
		}
	}
	var takes, done atomic.Int64
	consume(t, places(bus.ConsumerConfig{Conn: c, Timing: bus.Timing{Stranded: 4 * time.Millisecond}, Handle: func(_ context.Context, batch []bus.Task) []error {
		done.Add(int64(len(batch)))
		return none(batch)
	}}, &takes))
	poll.Until(t, "the consumers to know of all", func() bool {
		depths, err := c.Depths(t.Context())
		return err == nil && depths[bus.Parked].Lanes[item.Refresh].Waiting == all
	})
	looks.Store(0)
	lists.Store(0)
	takes.Store(math.MaxInt)
	poll.Until(t, "all to be done", func() bool { return done.Load() == all && parked(t, c) == 0 })
	if lists.Load() > 0 {
		t.Errorf("of %d looks %d listed all subjects", looks.Load(), lists.Load())
	}
}
