package poller_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/poll"
	"vitrine/internal/poller"
	"vitrine/internal/upstream"
)

func (w *world) equal(what string, want, got []string) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("%s:\n%s", what, diff)
	}
}

// TestPollSince proves where polls of what has changed since a mark begin: at first with the whole list, then at the
// mark less the overlap, and never after an article that claims to be from the future.
func TestPollSince(t *testing.T) {
	w := open(t)
	w.stores("1=1")
	w.says(map[string]string{
		"/ids": `["1","2"]`, // the first poll begins at 12:10
		"/changed?since=2026-11-22T12%3A08%3A00Z&page=1": `{"products":[{"sku":3,"updated":"2026-11-22T12:09:59.5Z"}],"next":2}`,
		"/changed?since=2026-11-22T12%3A08%3A00Z&page=2": `{"products":[{"sku":"4","updated":"2026-11-22T12:09:00+00:00"}]}`,
	})
	w.equal("the first poll", []string{"normal.product.3", "normal.product.4", "refresh.product.1", "refresh.product.2"}, w.turned("changed"))
	w.says(map[string]string{"/changed?since=2026-11-22T12%3A08%3A00Z&page=1": `{"products":[]}`})
	w.equal("nothing new", nil, w.turned("changed"))
	w.says(map[string]string{"/changed?since=2026-11-22T12%3A08%3A00Z&page=1": `{"products":[{"sku":"5","updated":"2026-11-22T12:29:00Z"},{"sku":"6","updated":"2126-01-01T00:00:00Z"}]}`})
	w.equal("the third poll, at 12:30", []string{"normal.product.5", "normal.product.6"}, w.turned("changed"))
	w.says(map[string]string{"/changed?since=2026-11-22T12%3A28%3A00Z&page=1": `{"products":[{"sku":"7","updated":"2026-11-22T12:31:00Z"}]}`})
	w.equal("after an article from the future", []string{"normal.product.7"}, w.turned("changed"))

	w.says(map[string]string{"/ids": `[]`, "/numbered?since=1": `{"ids":["1",{"id":2,"dimension":"product"},{"id":""},{"id":"3","dimension":"no"},null],"mark":7}`})
	w.equal("numbers", []string{"normal.all.1", "normal.product.2"}, w.turned("numbered"))
	if n := strings.Count(w.log.String(), "items that can't be announced"); n != 1 {
		t.Errorf("%d lines of refused items:\n%s", n, w.log)
	}
	w.says(map[string]string{"/numbered?since=8": `{"ids":[],"mark":null}`})
	w.equal("after a number", nil, w.turned("numbered"))
	w.equal("after no mark", nil, w.turned("numbered"))

	w.says(map[string]string{"/ids": `[]`, "/clocked?since=2026-11-22%2013%3A19%3A30": `{"ids":["1"]}`})
	w.equal("by the clock", []string{"normal.all.1"}, w.turned("clocked"))
	w.says(map[string]string{"/clocked?since=2026-11-22%2013%3A19%3A30": `{"ids":["2"]}`})
	w.equal("by the clock again", []string{"normal.all.2"}, w.turned("clocked"))
}

// TestPollFeed proves that a feed goes on where it was, that a cursor which the upstream refuses leads to the whole list
// once, and that an upstream which refuses every cursor is not asked for everything each time.
func TestPollFeed(t *testing.T) {
	w := open(t)
	w.says(map[string]string{
		`/feed{"after":null}`: `{"events":[{"sku":"1"},{"sku":"2"}],"last":"b"}`, `/feed{"after":"b"}`: `{"events":[{"sku":"3"}],"last":"c"}`, `/feed{"after":"c"}`: `{"events":[],"last":"c"}`})
	w.equal("the feed", []string{"normal.product.1", "normal.product.2", "normal.product.3"}, w.turned("feed"))
	w.says(map[string]string{`/feed{"after":"c"}`: `{"events":[{"sku":"4"}],"last":"d"}`, `/feed{"after":"d"}`: "503 later"})
	w.later(time.Hour)
	if _, err := w.turn("feed"); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("a page that fails: %v", err)
	}
	w.equal("before the page that fails", []string{"normal.product.4"}, w.announced())
	w.stores("1=1")
	w.says(map[string]string{`/feed{"after":"d"}`: `410 {"error":"expired"}`, "/ids": `["1","2"]`, `/feed{"after":null}`: `{"events":[{"sku":"5"}],"last":"x"}`, `/feed{"after":"x"}`: `{"events":[],"last":"x"}`})
	w.equal("a refused cursor", []string{"normal.product.5", "refresh.product.1", "refresh.product.2"}, w.turned("feed"))
	if log := w.log.String(); !strings.Contains(log, "the poll begins anew") || !strings.Contains(log, "expired") {
		t.Errorf("the log does not say it:\n%s", log)
	}
	w.requests()
	w.says(map[string]string{`/feed{"after":"x"}`: `400 no`})
	w.later(10 * time.Minute)
	if _, err := w.turn("feed"); err == nil {
		t.Error("refused again, and no error")
	}
	w.equal("refused again", []string{`/feed{"after":"x"}`}, w.requests())
}

// TestPollWholeList proves that of a whole list only what differs from the records is announced: other versions, what is
// new, and what is no longer listed. It proves as well that a list which failed, or shrank to nothing, deletes nothing.
func TestPollWholeList(t *testing.T) {
	w := open(t)
	w.stores("1=1", "2=2", "3=3", "4=4")
	w.says(map[string]string{
		"/all?page=1": `{"products":[{"sku":1,"updated":1},{"sku":2,"updated":"3"}],"next":2}`, "/all?page=2": `{"products":[{"sku":3,"updated":2},{"sku":5,"updated":5}]}`})
	w.equal("a list", []string{"normal.product.2", "normal.product.3", "normal.product.4", "normal.product.5"}, w.turned("whole"))
	w.says(map[string]string{"/all?page=1": `{"products":[{"sku":1,"updated":1}],"next":2}`, "/all?page=2": "500 broken"})
	w.later(10 * time.Minute)
	if _, err := w.turn("whole"); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("half a list: %v", err)
	}
	w.equal("half a list", nil, w.announced())
	w.says(map[string]string{"/all?page=1": `{"products":[]}`})
	w.equal("an empty list", []string{"normal.product.1", "normal.product.2", "normal.product.3", "normal.product.4"}, w.turned("whole"))
	records, err := w.store.Records(t.Context(), []kv.RecordKey{{Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "product"}})
	if err != nil || records[0].Existence != kv.Alive {
		t.Errorf("after an empty list: %+v, %v", records, err)
	}
	n, err := poller.ReadNote(t.Context(), w.conn.Bucket("marks"), "whole")
	if want := (poller.Cost{Since: n.Cost.Since, Requests: 5, Items: 5, Changes: 8}); err != nil || n.Cost != want {
		t.Errorf("the cost is %+v, want %+v; %v", n.Cost, want, err)
	}
}

// crash is a NATS that a process can no longer write to, once it has published.
type crash struct {
	*bus.Conn
	*bus.Bucket
	stored atomic.Bool
}

var errCrash = errors.New("crash")

func (c *crash) PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error {
	c.stored.Store(true)
	return c.Conn.PublishChanges(ctx, changes, opt)
}

func (c *crash) Update(ctx context.Context, key string, value []byte, last uint64) (uint64, error) {
	if c.stored.Load() {
		return 0, errCrash
	}
	return c.Bucket.Update(ctx, key, value, last)
}

// TestPollAfterACrash proves that a process which ends between its announcements and the note of its position loses
// nothing, and keeps others waiting for no longer than a dead holder of a lease does: then another one announces the same again.
func TestPollAfterACrash(t *testing.T) {
	w := open(t)
	w.says(map[string]string{`/feed{"after":null}`: `{"events":[{"sku":"1"}],"last":"b"}`, `/feed{"after":"b"}`: `{"events":[],"last":"b"}`})
	cfg := w.config()
	c := &crash{Conn: w.conn, Bucket: w.conn.Bucket("marks")}
	cfg.Bus, cfg.Notes = c, c
	if _, err := poller.New(cfg).Turn(t.Context(), w.cat, w.cat.Polls["feed"]); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.equal("before the crash", []string{"normal.product.1"}, w.announced())
	other := w.quick()
	if wait := other(); wait <= 0 {
		t.Errorf("while the turn may be under way: %v", wait)
	}
	w.equal("while the turn may be under way", nil, w.announced())
	var announced []string
	poll.Until(t, "the turn of another process", func() bool {
		other()
		announced = w.announced()
		return len(announced) > 0
	})
	w.equal("when the other process was silent for a while", []string{"normal.product.1"}, announced)
}

// TestPollOfAProcessThatWasStopped proves that a process which goes on after its turn was taken over announces nothing, and moves no
// position.
func TestPollOfAProcessThatWasStopped(t *testing.T) {
	w := open(t)
	w.says(map[string]string{`/feed{"after":null}`: `{"events":[{"sku":"1"}],"last":"b"}`, `/feed{"after":"b"}`: `{"events":[],"last":"b"}`})
	cfg := w.config()
	notes := &crash{Bucket: w.conn.Bucket("marks")}
	cfg.Notes = notes
	cfg.Takeover = takeover
	asked, goOn := make(chan struct{}), make(chan struct{})
	cfg.Upstream = stopped{cfg.Upstream, func() {
		notes.stored.Store(true) // nothing of it arrives any more
		close(asked)
		<-goOn
	}}
	first := poller.New(cfg)
	ended := make(chan error, 1)
	go func() {
		for !notes.stored.Load() { // a machine that is busy may have the turn lost before the upstream is asked
			if _, err := first.Turn(t.Context(), w.cat, w.cat.Polls["feed"]); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	<-asked
	w.requests()
	other := w.quick()
	var announced []string
	poll.Until(t, "the turn of another process", func() bool {
		other()
		announced = w.announced()
		return len(announced) > 0
	})
	w.equal("announced by the other process", []string{"normal.product.1"}, announced)
	close(goOn)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.equal("announced by the first", nil, w.announced())
}

// stopped is an upstream that a process asks just before it is stopped.
type stopped struct {
	poller.Upstream
	stop func()
}

func (s stopped) Page(ctx context.Context, l *catalog.List, at upstream.Position) (upstream.Page, error) {
	answer, err := s.Upstream.Page(ctx, l, at)
	s.stop()
	return answer, err
}

// takeover is short, so that a test does not last.
const takeover = 2 * time.Second

// quick is a process that takes turns of the poll feed, over from who is silent for a while.
func (w *world) quick() (turn func() (wait time.Duration)) {
	cfg := w.config()
	cfg.Takeover = takeover
	p := poller.New(cfg)
	return func() time.Duration {
		wait, err := p.Turn(w.Context(), w.cat, w.cat.Polls["feed"])
		w.must(err)
		return wait
	}
}

// TestPollByTwoProcesses proves that of several processes one has each turn.
func TestPollByTwoProcesses(t *testing.T) {
	w := open(t)
	w.says(map[string]string{`/feed{"after":null}`: `{"events":[{"sku":"1"}],"last":"b"}`, `/feed{"after":"b"}`: `{"events":[],"last":"b"}`})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if wait, err := w.turn("feed"); err != nil || wait <= 0 {
				t.Errorf("%v, %v", wait, err)
			}
		})
	}
	all.Wait()
	w.equal("asked", []string{`/feed{"after":null}`, `/feed{"after":"b"}`}, w.requests())
	w.equal("announced", []string{"normal.product.1"}, w.announced())
}

// TestPollThatFails proves that the pauses after failures grow, that the note names the fault, and that a success ends
// both.
func TestPollThatFails(t *testing.T) {
	w := open(t)
	w.says(nil)
	before := time.Duration(0)
	for range 6 {
		wait, err := w.turn("feed")
		if !errors.Is(err, item.ErrUnavailable) || wait < before*3/2 {
			t.Errorf("after a pause of %v one of %v: %v", before, wait, err)
		}
		w.later(wait + time.Second)
		before = wait
	}
	n, err := poller.ReadNote(t.Context(), w.conn.Bucket("marks"), "feed")
	if err != nil || n.Failures != 6 || !strings.Contains(n.Error, "not prepared") {
		t.Errorf("%+v, %v", n, err)
	}
	w.says(map[string]string{`/feed{"after":null}`: `{"events":[]}`})
	w.turned("feed")
	if n, err = poller.ReadNote(t.Context(), w.conn.Bucket("marks"), "feed"); err != nil || n.Failures != 0 || n.Error != "" || !n.Done.Equal(w.clock()) {
		t.Errorf("%+v, %v", n, err)
	}
}
