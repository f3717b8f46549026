package bus_test

import (
	"errors"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// TestAPushIsNewerThanWhatItReplaces proves that a push wins in all rooms over what it replaces, also over what was pushed in a room whose clock is ahead.
func TestAPushIsNewerThanWhatItReplaces(t *testing.T) {
	t.Parallel()
	bucket := connect(t).Bucket("switches")
	push := func(value string) bus.Entry {
		t.Helper()
		revision, err := bucket.Push(t.Context(), "k", []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		e, err := bucket.LatestSince(t.Context(), "k", revision)
		if err != nil || string(e.Value) != value {
			t.Fatalf("%q stands, %v", e.Value, err)
		}
		return e
	}
	first := push("first")
	if !first.Pushed.Equal(first.Created) {
		t.Errorf("it was pushed at %s, and says %s", first.Created, first.Pushed)
	}
	ahead := bus.Entry{Key: "k", Value: []byte("ahead"), Pushed: time.Now().Add(5 * time.Minute)}
	if _, err := bucket.Carry(t.Context(), ahead); err != nil {
		t.Fatal(err)
	}
	if again := push("again"); !again.Newer(ahead) {
		t.Errorf("what was pushed last says %s, and what it replaced %s", again.Pushed, ahead.Pushed)
	}
	old, err := bucket.Head(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	push("by somebody else")
	if _, err := bucket.PushOver(t.Context(), old, nil); !errors.Is(err, item.ErrChanged) {
		t.Errorf("a push over what does not stand any more: %v", err)
	}
	if _, err := bucket.Push(t.Context(), "*", nil); !errors.Is(err, item.ErrName) {
		t.Errorf("a push to every key: %v", err)
	}
}

// TestOneOfTwoPushesAtOneMomentWins proves that rooms agree on which of two pushes stands, in whatever order they hear of them.
func TestOneOfTwoPushesAtOneMomentWins(t *testing.T) {
	t.Parallel()
	bucket, at := connect(t).Bucket("switches"), time.Now()
	pushes := []bus.Entry{{Value: []byte("a"), Pushed: at}, {Value: []byte("b"), Pushed: at}}
	for key, order := range map[string][]int{"east": {0, 1}, "west": {1, 0}} {
		for _, i := range order {
			pushes[i].Key = key
			if _, err := bucket.Carry(t.Context(), pushes[i]); err != nil {
				t.Fatal(err)
			}
		}
		if e, err := bucket.Latest(t.Context(), key); err != nil || string(e.Value) != "b" {
			t.Errorf("%s has %q, %v", key, e.Value, err)
		}
	}
}
