package heterog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// patient replaces the bench's worker, as if another process had taken over.
func (b *bench) patient(limit time.Duration) {
	b.worker = heterog.New(heterog.Config{
		Catalog: b.worker.Catalog, Store: b.store, Upstream: b.upstream, Bus: b.line, Log: b.worker.Log, Patience: limit,
		Since: func() time.Time { return b.since },
	})
}

// insist handles a change again and again, with the doubt that the previous answer left in it, until the answer no
// longer counts as behind.
func (b *bench) insist(t bus.Task, most int) (answers int) {
	b.Helper()
	for answers = 1; answers <= most; answers++ {
		err := b.handle(t)[0]
		if !errors.Is(err, item.ErrBehind) {
			return answers
		}
		var d *bus.Doubted
		if !errors.As(err, &d) {
			b.Fatalf("%v carries no doubt", err)
		}
		t.Doubt = d.Doubt
	}
	return answers
}

func (b *bench) version(id string) string {
	b.Helper()
	return b.record("product", id).Version.String()
}

func TestALaggingReplicaIsDoubtedAndARestoredOneBelieved(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"v":7,"title":"new"}`)
	b.must(change(item.Normal, "product", "1"))
	b.line.syncs = nil
	b.upstream.say("1", `{"v":6,"title":"old"}`)
	if n := b.insist(change(item.Normal, "product", "1"), 10); n <= 10 || b.version("1") != "7" {
		t.Errorf("believed after %d answers within the hour of patience", n)
	}
	if len(b.line.syncs) != 10 {
		t.Errorf("behind: announced %d times, want each time all the same", len(b.line.syncs))
	}
	b.patient(time.Nanosecond)
	if n := b.insist(change(item.Normal, "product", "1"), 10); n != 5 || b.version("1") != "6" {
		t.Errorf("an upstream that insists: believed after %d answers, want 5; version %s", n, b.version("1"))
	}
}

// TestAnOldDoubtDoesNotMakeALaggingAnswerWin proves that a doubt about a record ends when the record moves on. A
// doubt kept in a process's memory once let a single lagging answer, version 7 against 8, win at once.
func TestAnOldDoubtDoesNotMakeALaggingAnswerWin(t *testing.T) {
	b := newBench(t)
	b.patient(time.Nanosecond)
	old := change(item.Normal, "product", "1")
	old.Doubt = bus.Doubt{Version: "7", Since: time.Now().Add(-time.Hour), Answers: 1000}
	b.upstream.say("1", `{"v":8,"title":"new"}`)
	b.must(change(item.Normal, "product", "1"))
	b.upstream.say("1", `{"v":7,"title":"old"}`)
	if err := b.handle(old)[0]; !errors.Is(err, item.ErrBehind) || b.version("1") != "8" {
		t.Errorf("error %v, version %s: one lagging answer has won", err, b.version("1"))
	}
	b.handle(change(item.Normal, "product", "1"))
	if err := b.handle(change(item.Normal, "product", "1"))[0]; !errors.Is(err, item.ErrBehind) {
		t.Errorf("error %v: what another change was told counts for this one", err)
	}
}

// TestManyDoubtsMakeNoUpstreamUnbelievable proves that a restored upstream is believed, however many of its records
// went back to older versions.
func TestManyDoubtsMakeNoUpstreamUnbelievable(t *testing.T) {
	b := newBench(t)
	const leftovers = 10_500
	var tasks []bus.Task
	for i := range leftovers {
		id := fmt.Sprint(i)
		b.upstream.say(id, `{"v":7,"title":"new"}`)
		tasks = append(tasks, change(item.Normal, "product", id))
	}
	b.must(tasks...)
	for i := range leftovers {
		b.upstream.say(fmt.Sprint(i), `{"v":6,"title":"old"}`)
	}
	b.handle(tasks...)
	b.patient(time.Nanosecond)
	b.handle(tasks...)
	if n := b.insist(change(item.Normal, "product", "10400"), 10); n != 5 {
		t.Errorf("believed after %d answers", n)
	}
}
