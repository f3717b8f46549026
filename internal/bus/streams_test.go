package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

func isUnavailable(err error) bool { return errors.Is(err, item.ErrUnavailable) }

func TestEnsure(t *testing.T) {
	t.Parallel()
	c := connect(t)
	js := bus.JetStream(c)
	t.Run("can be repeated, and keeps messages", func(t *testing.T) {
		publish(t, c, change(item.High, "1"))
		if err := c.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := left(t, c); n != 1 {
			t.Errorf("%d left, want 1", n)
		}
	})
	t.Run("updates a stream with an older configuration", func(t *testing.T) {
		if err := js.DeleteStream(t.Context(), bus.Changes); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: bus.Changes, Subjects: []string{"change.>"}, Retention: jetstream.WorkQueuePolicy,
		}); err != nil {
			t.Fatal(err)
		}
		if err := c.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(t.Context(), bus.Changes)
		if err != nil {
			t.Fatal(err)
		}
		if cfg := s.CachedInfo().Config; cfg.MaxMsgsPerSubject != 1 || len(cfg.Subjects) != 4 || !cfg.AllowMsgSchedules || cfg.RePublish == nil {
			t.Errorf("not updated: %+v", cfg)
		}
	})
	t.Run("every change reaches HISTORY", func(t *testing.T) {
		for range 3 {
			publish(t, c, change(item.Normal, "h"))
		}
		poll.Until(t, "three messages in HISTORY", func() bool {
			s, err := js.Stream(t.Context(), bus.History)
			if err != nil {
				t.Fatal(err)
			}
			info, err := s.Info(t.Context(), jetstream.WithSubjectFilter("history.normal.sku.price.h"))
			return err == nil && info.State.Subjects["history.normal.sku.price.h"] == 3
		})
	})
}

func TestPublishManyIsAcked(t *testing.T) {
	t.Parallel()
	c := connect(t)
	changes := make([]item.Change, long.Pick(3_000, 10_000))
	for i := range changes {
		changes[i] = change(item.Refresh, fmt.Sprint(i))
	}
	publish(t, c, changes...)
	if n := left(t, c); n != uint64(len(changes)) {
		t.Errorf("%d stored, want %d", n, len(changes))
	}
}

func TestPublishWithoutNATSIsUnavailable(t *testing.T) {
	t.Parallel()
	s := embed(t, t.TempDir(), "127.0.0.1:0")
	c := dial(t, bus.Config{URL: s.URL()})
	s.Shutdown()
	for _, n := range []int{1, 3000} {
		changes := make([]item.Change, n)
		for i := range changes {
			changes[i] = change(item.Normal, fmt.Sprint(i))
		}
		if err := c.PublishChanges(t.Context(), changes, bus.PublishOptions{}); !isUnavailable(err) {
			t.Errorf("publish of %d without NATS: %v", n, err)
		}
	}
	if _, err := bus.Dial(t.Context(), bus.Config{URL: s.URL()}); !isUnavailable(err) {
		t.Errorf("dial without NATS: %v", err)
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	c := connect(t)
	b := c.Bucket("switches")
	first, err := b.Create(t.Context(), "k", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Update(t.Context(), "k", []byte("2"), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(t.Context(), "k", []byte("3"), first); !errors.Is(err, item.ErrChanged) {
		t.Errorf("update over a newer revision: %v", err)
	}
	if _, err := b.Create(t.Context(), "k", []byte("3")); !errors.Is(err, item.ErrChanged) {
		t.Errorf("create over a value: %v", err)
	}
	if _, err := b.Get(t.Context(), "none"); !errors.Is(err, bus.ErrNoEntry) {
		t.Errorf("get of no key: %v", err)
	}
	got, err := b.Get(t.Context(), "k")
	if err != nil || got.Revision != second || string(got.Value) != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
	history, err := b.History(t.Context(), "k")
	if err != nil || len(history) != 2 {
		t.Errorf("history %+v, %v", history, err)
	}
}

func TestWatchFollowsABucketMadeAnew(t *testing.T) {
	t.Parallel()
	c := connect(t)
	b := c.Bucket("switches")
	put := func(value string) {
		t.Helper()
		poll.Until(t, "the put", func() bool { _, err := b.Put(t.Context(), "k", []byte(value)); return err == nil })
	}
	put("initial")
	seen := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.Watch(ctx, func(e bus.Entry) error {
			if e.Reset {
				seen <- "reset"
			} else {
				seen <- string(e.Value)
			}
			return nil
		})
	}()
	got := []string{receive(t, "the initial value", seen)}
	put("update")
	got = append(got, receive(t, "the update", seen))
	if err := bus.JetStream(c).DeleteKeyValue(t.Context(), "switches"); err != nil {
		t.Fatal(err)
	}
	got = append(got, receive(t, "the reset", seen))
	put("anew")
	got = append(got, receive(t, "the value in the new bucket", seen))
	if diff := cmp.Diff([]string{"initial", "update", "reset", "anew"}, got); diff != "" {
		t.Error(diff)
	}
	cancel()
	if err := receive(t, "the end of Watch", ended); err != nil {
		t.Error(err)
	}
}

func TestFollowBlobs(t *testing.T) {
	t.Parallel()
	c := connect(t)
	announce := func(id string, gen uint64) {
		t.Helper()
		a := bus.Announcement{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{"item": gen}}
		poll.Until(t, "the announcement", func() bool { return c.Announce(t.Context(), []bus.Announcement{a}) == nil })
	}
	type event struct {
		Gap bool
		ID  string
		Gen uint64
	}
	follow := func(from bus.Position) (events chan event, stop func() bus.Position) {
		events = make(chan event, 100)
		ctx, cancel := context.WithCancel(t.Context())
		at, ended := from, make(chan error, 1)
		go func() {
			ended <- c.FollowBlobs(ctx, from, func(batch []bus.Announcement, p bus.Position) {
				at = p
				for _, a := range batch {
					events <- event{ID: a.Entity.ID, Gen: a.Gens["item"]}
				}
			}, func() { events <- event{Gap: true} })
		}()
		return events, func() bus.Position {
			cancel()
			if err := receive(t, "the end of FollowBlobs", ended); err != nil {
				t.Error(err)
			}
			return at
		}
	}
	expect := func(events chan event, want event) {
		t.Helper()
		if diff := cmp.Diff(want, receive(t, "an announcement", events)); diff != "" {
			t.Error(diff)
		}
	}

	announce("before", 1)
	events, stop := follow(bus.Position{})
	expect(events, event{Gap: true})
	announce("1", 1<<62+1)
	expect(events, event{ID: "1", Gen: 1<<62 + 1})
	at := stop()

	announce("2", 2)
	events, stop = follow(at)
	expect(events, event{ID: "2", Gen: 2})
	if err := bus.JetStream(c).DeleteStream(t.Context(), bus.Blobs); err != nil {
		t.Fatal(err)
	}
	expect(events, event{Gap: true})
	announce("3", 3)
	expect(events, event{ID: "3", Gen: 3})
	stop()
}

// TestASupersededAnnouncementLeavesDoubt has two syncers announce in another order than they wrote. A follower that
// arrives after the higher generation has left the stream must be told to doubt the entity.
func TestASupersededAnnouncementLeavesDoubt(t *testing.T) {
	t.Parallel()
	c := connect(t)
	announce := func(id, blob string, gen uint64) {
		t.Helper()
		a := bus.Announcement{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{blob: gen}}
		if err := c.Announce(t.Context(), []bus.Announcement{a}); err != nil {
			t.Fatal(err)
		}
	}
	type event struct {
		ID    string
		Doubt bool
		Seq   uint64 // of the position
	}
	follow := func(from bus.Position, n int, to uint64) (events []event, at bus.Position) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		taken, places, ended := make(chan event, 100), make(chan bus.Position, 100), make(chan error, 1)
		go func() {
			ended <- c.FollowBlobs(ctx, from, func(batch []bus.Announcement, p bus.Position) {
				for _, a := range batch {
					taken <- event{a.Entity.ID, a.Doubt, p.Seq}
				}
				places <- p
			}, func() { taken <- event{ID: "gap"} })
		}()
		for range n {
			events = append(events, receive(t, "an announcement", taken))
		}
		for at = receive(t, "a position", places); at.Seq < to; {
			at = receive(t, "a later position", places)
		}
		cancel()
		if err := receive(t, "the end of FollowBlobs", ended); err != nil {
			t.Error(err)
		}
		for i := range events { // NATS decides how many arrive at a time
			events[i].Seq = 0
		}
		return events, at
	}
	_, at := follow(bus.Position{}, 1, 0)
	announce("0", "item", 1)
	events, at := follow(at, 1, at.Seq+1)
	if diff := cmp.Diff([]event{{ID: "0"}}, events); diff != "" {
		t.Error(diff)
	}
	announce("1", "offer", 6)
	announce("2", "item", 1)
	announce("1", "item", 5) // of a lower gen, it replaces the announcement of offer
	announce("3", "item", 1)
	events, later := follow(at, 3, at.Seq+4)
	if diff := cmp.Diff([]event{{ID: "2", Doubt: true}, {ID: "1", Doubt: true}, {ID: "3", Doubt: true}}, events); diff != "" {
		t.Error(diff)
	}
	announce("4", "item", 1)
	events, later = follow(later, 1, at.Seq+5)
	if events[0].Doubt || events[0].ID != "4" {
		t.Errorf("what comes after all that may be successors is not in doubt: %+v", events)
	}
	if later.Seq != at.Seq+5 {
		t.Errorf("the position is %d, want %d", later.Seq, at.Seq+5)
	}
}
