package bus

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"vitrine/internal/item"
)

// The headers that work carries from one stream to another.
const (
	attemptHeader  = "Vitrine-Attempt" // attempts made before this message
	firstHeader    = "Vitrine-First"   // when the change was first published
	scheduleHeader = "Nats-Schedule"
	targetHeader   = "Nats-Schedule-Target"
)

// parkBeat is how often a place is looked at that takes no work.
const parkBeat = 250 * time.Millisecond

// carried is what a message that stands for w has to tell. made are the attempts up to now.
func (w *work) carried(made int) nats.Header {
	h := nats.Header{timeHeader: {w.task.Event.UTC().Format(time.RFC3339Nano)}}
	if made > 0 {
		h.Set(attemptHeader, strconv.Itoa(made))
	}
	if !w.first.Equal(w.task.Event) {
		h.Set(firstHeader, w.first.UTC().Format(time.RFC3339Nano))
	}
	if w.task.Force {
		h.Set(forceHeader, "1")
	}
	return h
}

// readCarried reads what a message tells that stands for an earlier one. Anybody may have written it.
func (w *work) readCarried(h nats.Header) {
	if n, err := strconv.Atoi(h.Get(attemptHeader)); err == nil && n > 0 && n < 1000 {
		w.task.Attempt += n
	}
	if t, err := time.Parse(time.RFC3339Nano, h.Get(firstHeader)); err == nil && t.Before(w.first) {
		w.first = t
	} else if w.parked && w.task.Event.Before(w.first) {
		w.first = w.task.Event
	}
}

// park sets work aside and returns when NATS holds all of it.
func (c *Consumer) park(ctx context.Context, works []*work) error {
	ctx, cancel := stopping(ctx)
	defer cancel()
	defer mark(c.parked)
	return c.cfg.Conn.publish(ctx, len(works), window, func(i int) (*nats.Msg, error) {
		w := works[i]
		return &nats.Msg{Subject: item.ParkedSubject(w.place.Name, w.task.Change), Header: w.carried(w.task.Attempt - 1)}, nil
	})
}

// schedule has a change published again at a time.
func (c *Consumer) schedule(ctx context.Context, w *work, at time.Time) error {
	ctx, cancel := stopping(ctx)
	defer cancel()
	h := w.carried(w.task.Attempt)
	h.Set(scheduleHeader, "@at "+at.UTC().Format(time.RFC3339Nano))
	h.Set(targetHeader, w.task.Change.Subject())
	return c.cfg.Conn.publish(ctx, 1, 1, func(int) (*nats.Msg, error) {
		return &nats.Msg{Subject: item.RetrySubject(w.task.Change), Header: h}, nil
	})
}

// setAside parks what an intake must not put on the board, and acknowledges it.
func (c *Consumer) setAside(ctx context.Context, works []*work) {
	v := verdict{action: park}
	if err := c.park(ctx, works); err != nil {
		c.log.Warn("work not parked, trying again", "place", works[0].place.Name, "works", len(works), "error", err)
		v = verdict{again, time.Second}
	}
	for _, w := range works {
		c.answer(w, v, nil)
		c.cfg.Handled(Handled{w.Lane, w.place.Name, v.action.String(), 0})
	}
}

// takeParked runs, from when something is parked until ctx ends, an intake for each lane of each place that
// the catalog has.
func (c *Consumer) takeParked(ctx context.Context) {
	if c.cfg.Stream != Changes || !c.awaitParked(ctx) {
		return
	}
	var intakes sync.WaitGroup
	defer intakes.Wait()
	running := map[string]context.CancelFunc{}
	defer func() {
		for _, stop := range running {
			stop()
		}
	}()
	for ok := true; ok; ok = wait(ctx, time.Second) {
		there := map[string]bool{}
		for _, p := range c.cfg.Places() {
			there[p.Name] = true
			if running[p.Name] == nil {
				running[p.Name] = c.startParked(ctx, &intakes, p.Name)
			}
		}
		for name, stop := range running {
			if !there[name] {
				stop()
				delete(running, name)
			}
		}
	}
}

func (c *Consumer) startParked(ctx context.Context, intakes *sync.WaitGroup, place string) context.CancelFunc {
	ctx, stop := context.WithCancel(ctx)
	for _, lane := range item.Lanes() {
		in := &intake{consumer: c, lane: lane, parked: place}
		intakes.Go(func() { in.run(ctx) })
	}
	return stop
}

// awaitParked waits until this process, or another one, has parked something; false when ctx ends before.
func (c *Consumer) awaitParked(ctx context.Context) bool {
	for {
		if n, err := c.cfg.Conn.messages(ctx, Parked); err == nil && n > 0 {
			return true
		}
		look := time.NewTimer(2 * time.Second)
		select {
		case <-c.parked:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

// parkedRoom waits until the place takes parked work and returns how much; 0 when ctx ends.
func (c *Consumer) parkedRoom(ctx context.Context, name string, lane item.Lane) int {
	for ctx.Err() == nil {
		n, gone := c.board.free(c.placeNamed(name), lane, c.cfg.Takes(name))
		if n > 0 {
			return n
		}
		look := time.NewTimer(parkBeat)
		select {
		case <-gone:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
	}
	return 0
}

func (c *Consumer) placeNamed(name string) Place {
	for _, p := range c.cfg.Places() {
		if p.Name == name {
			return p
		}
	}
	return Place{Name: name, Limit: 1}
}

// parkedName is a part of a durable consumer's name.
func parkedName(place string, lane item.Lane) string {
	return "-parked-" + strings.ReplaceAll(place, ".", "_") + "-" + string(lane)
}
