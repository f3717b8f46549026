package bus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/long"
)

// TestAnnouncementsSupersededUnderLoadLeaveDoubt has two syncers announce many entities at nearly the same time, of which
// the second names fewer blobs. A follower that keeps up must receive the first announcement or be told to doubt the
// entity.
func TestAnnouncementsSupersededUnderLoadLeaveDoubt(t *testing.T) {
	const n = 200
	c := connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	taken, ended := make(chan []bus.Announcement, 100_000), make(chan error, 1)
	gap := make(chan struct{}, 1)
	go func() {
		ended <- c.FollowBlobs(ctx, bus.Position{}, func(batch []bus.Announcement, _ bus.Position) { taken <- batch }, func() { gap <- struct{}{} })
	}()
	receive(t, "the beginning", gap)
	say := func(id, blob string, gen uint64) bus.Announcement {
		return bus.Announcement{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{blob: gen}}
	}
	for round := range long.Pick(4, 200) {
		var all, pairs []bus.Announcement
		filler := func(k int) {
			for range k {
				all = append(all, say(fmt.Sprint("filler ", round, "-", len(all)), "item", 1))
			}
		}
		for i := range n {
			id := fmt.Sprint(round, "-", i)
			pairs = append(pairs, say(id, "item", 5))
			all = append(all, say(id, "offer", 6))
			filler(rand.IntN(20))
			all = append(all, say(id, "item", 5))
			filler(rand.IntN(60))
		}
		end := fmt.Sprint("end of ", round)
		if err := c.Announce(t.Context(), append(all, say(end, "item", 1))); err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for !known[end] {
			for _, a := range receive(t, "announcements", taken) {
				known[a.Entity.ID] = known[a.Entity.ID] || a.Doubt || a.Gens["offer"] > 0 || a.Entity.ID == end
			}
		}
		missed := 0
		for _, a := range pairs {
			if !known[a.Entity.ID] {
				missed++
			}
		}
		if missed > 0 {
			t.Errorf("round %d: of %d entities, %d announcements were missed, and nothing left in doubt", round, n, missed)
		}
	}
	cancel()
	if err := receive(t, "the end of FollowBlobs", ended); err != nil {
		t.Error(err)
	}
}
