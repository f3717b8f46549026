package bus_test

import (
	"context"
	"testing"
	"time"

	"vitrine/internal/bus"
)

// TestWatchAfterKnowsAnotherBucket proves that a process does not apply a revision of one bucket to another of the
// same name, even if that was created while the process was not running.
func TestWatchAfterKnowsAnotherBucket(t *testing.T) {
	t.Parallel()
	c := connect(t)
	b := c.Bucket("switches")
	for _, value := range []string{"1", "2"} {
		if _, err := b.Put(t.Context(), "k", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	first := func(at bus.BucketPosition) bus.Entry {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got, ended := make(chan bus.Entry, 10), make(chan error, 1)
		go func() {
			ended <- b.WatchAfter(ctx, at, func(e bus.Entry) error { got <- e; return nil })
		}()
		e := receive(t, "the first entry", got)
		cancel()
		receive(t, "the end", ended)
		return e
	}
	e := first(bus.BucketPosition{})
	if e.Reset || string(e.Value) != "2" || e.Made.IsZero() {
		t.Fatalf("the first entry is %+v, want the value 2 of a bucket with a time", e)
	}
	here := bus.BucketPosition{Made: e.Made, Revision: e.Revision, Created: e.Created}
	if e := first(here); e.Reset {
		t.Error("the same bucket is taken for another")
	}
	for name, at := range map[string]bus.BucketPosition{
		"made at another time":                     {Made: here.Made.Add(-time.Hour), Revision: here.Revision, Created: here.Created},
		"lost its last writes":                     {Made: here.Made, Revision: here.Revision + 5, Created: here.Created},
		"lost its last writes, and has others now": {Made: here.Made, Revision: here.Revision, Created: here.Created.Add(-time.Hour)},
	} {
		if e := first(at); !e.Reset {
			t.Errorf("%s: the first entry is %+v, want one with Reset", name, e)
		}
	}
}

// TestEntriesOfManyKeys reads more keys than JetStream returns in one batch of latest messages.
func TestEntriesOfManyKeys(t *testing.T) {
	t.Parallel()
	c := connect(t)
	b := c.Bucket("marks")
	const keys = 1100
	for i := range keys {
		if _, err := bus.JetStream(c).PublishAsync("$KV.marks.k"+string(rune('a'+i%26))+time.Duration(i).String(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	<-bus.JetStream(c).PublishAsyncComplete()
	all, err := b.Entries(t.Context())
	if err != nil || len(all) != keys {
		t.Errorf("%d entries, %v", len(all), err)
	}
}

func TestTheClockOfNATS(t *testing.T) {
	t.Parallel()
	c := connect(t)
	if _, known := c.Now(); known {
		t.Error("it is known before anything was asked")
	}
	now, err := c.Bucket("switches").Now(t.Context())
	if err != nil || time.Since(now).Abs() > time.Minute { // both clocks are of one machine
		t.Errorf("the time of NATS is %v, error %v", now, err)
	}
	if _, known := c.Now(); !known {
		t.Error("it is not known")
	}
}
