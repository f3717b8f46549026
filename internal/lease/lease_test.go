package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ledger is a bucket in memory, which can be cut off from some processes.
type ledger struct {
	mu       sync.Mutex // guards all below
	value    []byte
	revision uint64
}

// door is a process's way to the ledger.
type door struct {
	*ledger
	cut bool // needs mu
}

var errCut = fmt.Errorf("%w: cut off", item.ErrUnavailable)

func (d *door) setCut(cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = cut
}

func (d *door) Get(context.Context, string) (bus.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.cut:
		return bus.Entry{}, errCut
	case d.revision == 0:
		return bus.Entry{}, bus.ErrNoEntry
	}
	return bus.Entry{Value: d.value, Revision: d.revision}, nil
}

func (d *door) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	return d.Update(ctx, key, value, 0)
}

func (d *door) Update(_ context.Context, _ string, value []byte, last uint64) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.cut:
		return 0, errCut
	case d.revision != last:
		return 0, item.ErrChanged
	}
	d.value = value
	d.revision++
	return d.revision, nil
}

// worker is a process that wants the lease.
type worker struct {
	door  *door
	kill  context.CancelFunc
	ended chan error

	mu      sync.Mutex // guards working
	working bool
}

func (w *worker) at() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.working
}

func (w *worker) set(working bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working = working
}

// join starts a process. Its work goes on for as long as its context lets it.
func join(t *testing.T, l *ledger) *worker {
	w := &worker{door: &door{ledger: l}, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	w.kill = cancel
	t.Cleanup(cancel)
	one := lease.New(lease.Config{Name: "agents", Notes: w.door, Log: slog.New(slog.DiscardHandler)})
	go func() {
		w.ended <- one.Run(ctx, func(ctx context.Context) error {
			w.set(true)
			defer w.set(false)
			<-ctx.Done()
			return nil
		})
	}()
	return w
}

func atWork(workers ...*worker) (n int) {
	for _, w := range workers {
		if w.at() {
			n++
		}
	}
	return n
}

// TestOneAtATime proves that of several processes one works, that another one goes on within a second of its leaving, and that a
// process which is cut off has ended its work before another one takes it over.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		first := join(t, l)
		synctest.Wait()
		if !first.at() {
			t.Fatal("a process that is alone does not work at once")
		}
		second, third := join(t, l), join(t, l)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !first.at() || atWork(second, third) != 0 {
			t.Fatal("the lease has moved though its holder was there")
		}

		first.kill()
		synctest.Wait()
		if err := <-first.ended; err != nil || first.at() {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := atWork(second, third); n != 1 {
			t.Fatalf("a second after the holder left %d work", n)
		}

		cut, other := second, third
		if third.at() {
			cut, other = third, second
		}
		cut.door.setCut(true)
		for range 70 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if atWork(cut, other) > 1 {
				t.Fatal("two work at once")
			}
		}
		if cut.at() || !other.at() {
			t.Errorf("7 s after it was cut off: the holder works %t, the other %t", cut.at(), other.at())
		}
		cut.door.setCut(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if cut.at() || !other.at() {
			t.Error("the lease has moved back")
		}
		cut.kill()
		other.kill()
		synctest.Wait()
	})
}

// TestAShortCut proves that a holder which is away for a moment keeps the lease, and one that is away for longer has it
// back at once if nobody else wants it.
func TestAShortCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := join(t, &ledger{})
		time.Sleep(10500 * time.Millisecond)
		w.door.setCut(true)
		for range 25 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if !w.at() {
				t.Fatal("lost within 2.5 s")
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if w.at() {
			t.Fatal("works on though another process may")
		}
		w.door.setCut(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if !w.at() {
			t.Error("does not work again")
		}
		w.kill()
		synctest.Wait()
	})
}

// TestWorkThatFails proves that the lease is given back by work that fails, and that its error is Run's.
func TestWorkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		one := lease.New(lease.Config{Name: "agents", Notes: &door{ledger: l}, Log: slog.New(slog.DiscardHandler)})
		failed := errors.New("failed")
		if err := one.Run(t.Context(), func(context.Context) error { return failed }); !errors.Is(err, failed) {
			t.Error(err)
		}
		var holding struct{ Holder string }
		if err := json.Unmarshal(l.value, &holding); err != nil || holding.Holder != "" {
			t.Errorf("%s, %v", l.value, err)
		}
	})
}

// TestAHolderThatWasStopped proves, over a real NATS, that work whose term is over publishes nothing and writes to no bucket, even if it
// has not noticed that its context has ended, as after SIGSTOP and SIGCONT; and that another process has the lease by then.
func TestAHolderThatWasStopped(t *testing.T) {
	t.Parallel()
	server, conn := bustest.Start(t)
	later, err := bus.Dial(t.Context(), bus.Config{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	defer runs.Wait()
	defer cancel()
	run := func(notes lease.Notes, work func(context.Context) error) {
		one := lease.New(lease.Config{Name: "agents", Notes: notes, Log: slog.New(slog.DiscardHandler), Every: 50 * time.Millisecond, Takeover: 2 * time.Second})
		runs.Go(func() {
			if err := one.Run(ctx, work); err != nil {
				t.Error(err)
			}
		})
	}
	stopped := &mute{Bucket: conn.Bucket("marks")}
	holds, taken, woke := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	change := []item.Change{{Lane: item.Refresh, Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: "price"}}
	run(stopped, func(ctx context.Context) error {
		if err := conn.PublishChanges(ctx, change, bus.PublishOptions{}); err != nil {
			t.Errorf("while it has the lease: %v", err)
		}
		stopped.is.Store(true)
		close(holds)
		select {
		case <-taken:
		case <-time.After(time.Minute):
		}
		ctx = context.WithoutCancel(ctx) // who was stopped has seen no context end
		woke <- conn.PublishChanges(ctx, change, bus.PublishOptions{})
		_, err := conn.Bucket("marks").Put(ctx, "swept", []byte("1"))
		woke <- err
		cancel()
		return nil
	})
	<-holds
	var once sync.Once
	run(later.Bucket("marks"), func(ctx context.Context) error {
		once.Do(func() { close(taken) })
		<-ctx.Done()
		return nil
	})
	for _, what := range []string{"a publish", "a write"} {
		if err := <-woke; !errors.Is(err, lease.ErrLost) {
			t.Errorf("%s after the term: %v", what, err)
		}
	}
}

// mute is the bucket of a process that can be stopped: then nothing of it arrives any more.
type mute struct {
	*bus.Bucket
	is atomic.Bool
}

func (m *mute) Update(ctx context.Context, key string, value []byte, last uint64) (uint64, error) {
	if m.is.Load() {
		return 0, errCut
	}
	return m.Bucket.Update(ctx, key, value, last)
}
