package heterog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

func looks(errs []error) bool { return errors.Is(errs[0], bus.ErrSecondLook) }

// saidBefore has the upstream give an answer that is old enough for a second look.
func (b *bench) saidBefore(id, body string) {
	b.upstream.answer(id, upstream.Answer{Status: upstream.OK, Body: []byte(body), At: time.Now().Add(-4 * time.Second)})
}

func TestAnUnchangedAnswerGetsASecondLook(t *testing.T) {
	b := newBench(t)
	b.saidBefore("1", `{"amount":1}`)
	if looks(b.handle(change(item.Normal, "price", "1"))) {
		t.Error("a first answer is new")
	}
	for lane, want := range map[item.Lane]bool{item.High: true, item.Normal: true, item.Refresh: false} {
		if got := looks(b.handle(change(lane, "price", "1"))); got != want {
			t.Errorf("lane %s: looked at again: %t, want %t", lane, got, want)
		}
	}
	second := change(item.High, "price", "1")
	second.Second = true
	if looks(b.handle(second)) {
		t.Error("a second look orders a third")
	}
	b.upstream.say("1", `{"amount":2}`)
	if err := b.handle(second)[0]; err != nil || string(b.record("price", "1").Body) != `{"amount":2}` {
		t.Error("the second look has not brought what the replica lagged behind", err)
	}
}

// TestAnAnnouncedThingThatIsNotThereYet creates and announces a product, and asks a replica that lags. A second look
// must find the product.
func TestAnAnnouncedThingThatIsNotThereYet(t *testing.T) {
	b := newBench(t)
	b.upstream.answer("1", upstream.Answer{Status: upstream.Gone})
	if !looks(b.handle(change(item.High, "price", "1"))) {
		t.Error("not looked at again")
	}
}

// TestLooksCostWhatTheyFind proves that where a publisher announces everything though nothing changes, one change in
// twenty gets a second look in the long run, and that all get one where looks find something.
func TestLooksCostWhatTheyFind(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"amount":0}`)
	b.must(change(item.Normal, "price", "1"))
	granted := func(changes int) (n int) {
		for range changes {
			if looks(b.handle(change(item.Normal, "price", "1"))) {
				n++
			}
		}
		return n
	}
	granted(1200)
	if n := granted(400); n < 19 || n > 21 {
		t.Errorf("of 400 idle changes %d are looked at twice, want 20", n)
	}
	second := change(item.Normal, "price", "1")
	second.Second = true
	for i := range 3 {
		b.upstream.say("1", fmt.Sprintf(`{"amount":%d}`, i+1))
		b.must(second)
	}
	if n := granted(50); n != 50 {
		t.Errorf("three looks have found something, and of the next 50 only %d are granted", n)
	}
}

// TestABelievedOlderAnswerGetsASecondLook covers a restored upstream that was edited since, and answers from a
// replica that lags behind the edit.
func TestABelievedOlderAnswerGetsASecondLook(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"v":7,"title":"new"}`)
	b.must(change(item.Normal, "product", "1"))
	b.upstream.say("1", `{"v":6,"title":"old"}`)
	b.patient(time.Nanosecond)
	task := change(item.Normal, "product", "1")
	task.Doubt = bus.Doubt{Version: b.record("product", "1").Version.String(), Since: time.Now().Add(-time.Hour), Answers: 10}
	if errs := b.handle(task); !looks(errs) || b.version("1") != "6" {
		t.Errorf("%v, version %s", errs[0], b.version("1"))
	}
}

// TestARestoredStoreGetsASecondLook restores a store from a snapshot. A lagging replica then answers what
// is new to the store but not the newest. Each record must get exactly one second look.
func TestARestoredStoreGetsASecondLook(t *testing.T) {
	replayed := func(id string) bus.Task {
		task := change(item.Refresh, "price", id)
		task.Force = true
		return task
	}
	for _, c := range []struct {
		name string
		task bus.Task
		want bool
	}{
		{"replayed", replayed("1"), true},
		{"replayed, and lost as a whole", replayed("2"), true},
		{"announced", change(item.Normal, "price", "1"), true},
		{"announced, and as new to the store as to the shop", change(item.Normal, "price", "2"), false},
		{"walked", change(item.Refresh, "price", "1"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.upstream.answer("1", upstream.Answer{Status: upstream.OK, Body: []byte(`{"amount":1}`), At: time.Now().Add(-time.Hour)})
			b.must(change(item.Normal, "price", "1"))
			b.since = time.Now().Add(-20 * time.Second)
			b.saidBefore("1", `{"amount":2}`)
			b.saidBefore("2", `{"amount":2}`)
			if got := looks(b.handle(c.task)); got != c.want {
				t.Errorf("looked at again: %t, want %t", got, c.want)
			}
			second := c.task
			second.Second = true
			if looks(b.handle(second)) {
				t.Error("a second look orders a third")
			}
			b.upstream.say("1", `{"amount":3}`)
			if looks(b.handle(change(item.Normal, "price", "1"))) && c.task.Change.Entity.ID == "1" {
				t.Error("the record was fetched since, and what is new in it is looked at again")
			}
		})
	}
}

// TestReplayedChangesGetASecondLook proves that a replay gives a second look even to a record written since
// the store came back, as that may stem from a lagging replica too.
func TestReplayedChangesGetASecondLook(t *testing.T) {
	b := newBench(t)
	b.since = time.Now().Add(-time.Minute)
	b.upstream.say("1", `{"amount":1}`)
	b.must(change(item.Normal, "price", "1"))
	b.upstream.say("1", `{"amount":2}`)
	task := change(item.Refresh, "price", "1")
	task.Force = true
	if !looks(b.handle(task)) {
		t.Error("it is not looked at again")
	}
}

// TestALongReplayIsNotLookedAtTwice proves that a replay grants no second look once replicas have had time to catch
// up with everything announced before the loss.
func TestALongReplayIsNotLookedAtTwice(t *testing.T) {
	b := newBench(t)
	b.patient(time.Minute)
	b.since = time.Now().Add(-time.Hour)
	b.upstream.say("1", `{"amount":1}`)
	task := change(item.Refresh, "price", "1")
	task.Force = true
	if looks(b.handle(task)) {
		t.Error("it is looked at again")
	}
}
