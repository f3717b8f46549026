package node

import (
	"context"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/redact"
	"vitrine/internal/rooms"
)

// others returns the rooms beside this one.
func (r Room) others() map[string]string {
	others := maps.Clone(r.Rooms)
	delete(others, r.Config.Room)
	return others
}

// runRelays passes on what is announced in other rooms, whose NATS have these URLs by name, until ctx ends.
func (n *process) runRelays(ctx context.Context, others map[string]string) error {
	notices := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_room_notices_total",
		Help: "Changes that were announced in another room and passed on here."}, []string{"room"})
	heard := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "vitrine_room_heard",
		Help: "1 while this process hears the other room; one process of a room does."}, []string{"room"})
	n.metrics.MustRegister(notices, heard)
	if len(others) > 0 && !n.bus.MayPush() {
		n.log.Info("what is pushed in other rooms is not carried here: this process may not push (--control)")
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, room := range slices.Sorted(maps.Keys(others)) {
		relay := rooms.New(rooms.Config{
			Room: room, Own: n.bus, Notes: n.bus.Bucket(MarksBucket), Log: n.log,
			Dial: func(ctx context.Context) (*bus.Conn, error) {
				return n.bus.Beside(ctx, others[room])
			},
			Passed: func(count int) { notices.WithLabelValues(room).Add(float64(count)) },
			Hears: func(hears bool) {
				is := 0.0
				if hears {
					is = 1
				}
				heard.WithLabelValues(room).Set(is)
			},
		})
		group.Go(redact.Guard(func() error { return relay.Run(ctx) }))
	}
	return group.Wait()
}
