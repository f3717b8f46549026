package rooms_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
	"vitrine/internal/rooms"
)

// hearing has a server of r look whether it hears all, and follow the announcements of r unless it is deaf. It ends with the test.
func (r *room) hearing(t *testing.T, deaf *atomic.Bool, others ...string) *rooms.Hearing {
	t.Helper()
	h := rooms.NewHearing(rooms.HearingConfig{Room: r.name, Others: others, End: r.conn.Announced, Notes: r.conn.Bucket(marks),
		Every: 50 * time.Millisecond, Patience: 3 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { _ = h.Run(ctx) })
	ended.Go(func() {
		took := func(_ []bus.Announcement, at bus.Position) {
			if !deaf.Load() {
				h.Followed(at)
			}
		}
		_ = r.conn.FollowBlobs(ctx, bus.Position{}, took, func() {})
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	return h
}

// unheard waits until these rooms are all that a server does not hear.
func unheard(t *testing.T, h *rooms.Hearing, names ...string) {
	t.Helper()
	poll.Until(t, fmt.Sprint("what is not heard is ", names), func() bool {
		return slices.Equal(h.Unheard(), names) && h.Complete() == (len(names) == 0)
	})
}

// TestWhatIsNotHeardIsKnown proves that a server knows that announcements of its own room do not reach it, though its connection stands, and that
// its room does not hear another one, or has not caught up with it; and that it knows when all has come.
func TestWhatIsNotHeardIsKnown(t *testing.T) {
	t.Parallel()
	east, west := newRoom(t, "east"), newRoom(t, "west")
	east.relay(t, west)
	east.hears(t, west)
	var deaf atomic.Bool
	h := east.hearing(t, &deaf, "west")
	if !h.Complete() {
		t.Error("at the start nothing is known to be missing")
	}
	blob := func(gen uint64) {
		t.Helper()
		of := bus.Announcement{Entity: item.Entity{Kind: "sku", ID: "1"}, Gens: map[string]uint64{"item": gen}}
		if err := east.conn.Announce(t.Context(), []bus.Announcement{of}); err != nil {
			t.Fatal(err)
		}
	}
	west.cable.Cut()
	unheard(t, h, "west")
	west.cable.Heal()
	unheard(t, h)
	deaf.Store(true)
	blob(1)
	unheard(t, h, "east")
	deaf.Store(false)
	blob(2)
	unheard(t, h)
}
