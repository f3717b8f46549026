package bus_test

import (
	"fmt"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// hold puts n deletions of sku.price on hold.
func hold(t *testing.T, c *bus.Conn, n int) *bus.Deletions {
	t.Helper()
	d := c.Deletions()
	if err := d.Suspend(t.Context(), "sku", "price", bus.Suspension{Since: time.Now(), Controls: []string{"8", "9"}}); err != nil {
		t.Fatal(err)
	}
	var changes []item.Change
	for i := range n {
		changes = append(changes, change(item.High, fmt.Sprintf("%d.1", i)))
	}
	if err := d.Hold(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if err := d.Hold(t.Context(), changes[:1]); err != nil { // holding one twice has no further effect
		t.Fatal(err)
	}
	return d
}

func TestHeldDeletions(t *testing.T) {
	t.Parallel()
	const n = 1200 // more than one batch
	for name, tc := range map[string]struct {
		do        func(*bus.Deletions) (int, error)
		announced int
		holds     bool
		passes    bool
	}{
		"released": {func(d *bus.Deletions) (int, error) {
			return d.Release(t.Context(), "sku", "price", time.Now().Add(time.Hour))
		}, n, false, true},
		"resumed":   {func(d *bus.Deletions) (int, error) { return d.Resume(t.Context(), "sku", "price") }, n, false, false},
		"discarded": {func(d *bus.Deletions) (int, error) { return d.Discard(t.Context(), "sku", "price") }, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t)
			d := hold(t, c, n)
			list, err := d.List(t.Context())
			if err != nil || len(list) != 1 || list[0].Waiting != n || !list[0].Holds() || len(list[0].Controls) != 2 {
				t.Fatalf("held: %+v, %v", list, err)
			}
			if done, err := tc.do(d); done != n || err != nil {
				t.Errorf("%d done, %v", done, err)
			}
			s, err := d.Suspension(t.Context(), "sku", "price")
			if err != nil || s.Holds() != tc.holds || s.Passes(time.Now()) != tc.passes {
				t.Errorf("afterwards: %+v, %v", s, err)
			}
			if waiting, err := d.Count(t.Context()); err != nil || waiting != 0 {
				t.Errorf("%d still held, %v", waiting, err)
			}
			if got := left(t, c); got != uint64(tc.announced) {
				t.Errorf("%d announced, want %d", got, tc.announced)
			}
			found, err := c.Find(t.Context(), item.Entity{Kind: "sku", ID: "7.1"})
			if err != nil || len(found) > 0 && found[0].Subject != "change.refresh.sku.price.7=2E1" {
				t.Errorf("announced as %+v, %v", found, err)
			}
		})
	}
}

// TestHeldDeletionsAreCounted proves that to list what is held costs no more for many deletions than for few. A worker does it every five
// seconds, and its upstream may say that a million articles are gone.
func TestHeldDeletionsAreCounted(t *testing.T) {
	t.Parallel()
	server := embed(t, t.TempDir(), "")
	c := dial(t, bus.Config{Server: server})
	cost := func(d *bus.Deletions, n int) float64 {
		before, err := server.Traffic()
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Waiting != n {
			t.Fatalf("held: %+v, %v", list, err)
		}
		after, err := server.Traffic()
		if err != nil {
			t.Fatal(err)
		}
		return after.Bytes - before.Bytes
	}
	few := cost(hold(t, c, 10), 10)
	if many := cost(hold(t, c, 3000), 3000); many > few+5000 {
		t.Errorf("to list 10 deletions took %.0f bytes, and 3,000 took %.0f", few, many)
	}
	if err := c.Deletions().Hold(t.Context(), []item.Change{{Lane: item.High, Entity: item.Entity{Kind: "brand", ID: "7"}, Dimension: "all"}}); err != nil {
		t.Fatal(err)
	}
	list, err := c.Deletions().List(t.Context())
	if err != nil || len(list) != 2 || list[1].Kind != "brand" || list[1].Waiting != 1 || list[1].Holds() {
		t.Errorf("with one that nothing holds: %+v, %v", list, err)
	}
}
