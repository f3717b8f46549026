package bus

import (
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// The headers that work carries from one stream to another.
const (
	attemptHeader  = "Vitrine-Attempt" // wrong answers before this message
	silentHeader   = "Vitrine-Silent"  // attempts in a row, up to this message, that nobody answered
	doubtHeader    = "Vitrine-Doubt"   // a Doubt
	firstHeader    = "Vitrine-First"   // when the change was first published
	reasonHeader   = "Vitrine-Reason"  // why the last attempt failed
	scheduleHeader = "Nats-Schedule"
	targetHeader   = "Nats-Schedule-Target"
)

// parkEvery is how often a place is looked at that takes no work.
const parkEvery = 250 * time.Millisecond

// carried is what a message that stands for w has to carry. Other rooms were told of the change when it was published first.
func (w *work) carried(p past) nats.Header {
	h := nats.Header{timeHeader: {w.task.Event.UTC().Format(time.RFC3339Nano)}, localHeader: {"1"}}
	if p.wrong > 0 {
		h.Set(attemptHeader, strconv.Itoa(p.wrong))
	}
	if p.silent > 0 {
		h.Set(silentHeader, strconv.Itoa(p.silent))
	}
	if p.doubt.Answers > 0 {
		h.Set(doubtHeader, p.doubt.String())
	}
	if p.reason != "" {
		h.Set(reasonHeader, p.reason)
	}
	if !w.first.Equal(w.task.Event) {
		h.Set(firstHeader, w.first.UTC().Format(time.RFC3339Nano))
	}
	return h
}

// readCarried reads what a message that stands for an earlier one carries. Anybody may have written it.
func (w *work) readCarried(h nats.Header) {
	if len(h) == 0 && !w.parked { // as a rule
		return
	}
	w.task.Attempt += count(h, attemptHeader)
	w.silent = count(h, silentHeader)
	w.task.Doubt = readDoubt(h.Get(doubtHeader))
	if t, err := time.Parse(time.RFC3339Nano, h.Get(firstHeader)); err == nil && t.Before(w.first) {
		w.first = t
	} else if w.parked && w.task.Event.Before(w.first) {
		w.first = w.task.Event
	}
}

// count reads a small number; 0 for anything else.
func count(h nats.Header, name string) int {
	n, err := strconv.Atoi(h.Get(name))
	if err != nil || n < 0 || n >= 1000 {
		return 0
	}
	return n
}

// park sets work aside and returns when NATS holds all of it.
func (c *Consumer) park(ctx context.Context, works []*work) error {
	ctx, cancel := stopping(ctx)
	defer cancel()
	defer mark(c.parked)
	most := window
	if works[0].Lane == item.Refresh {
		most = bulk
	}
	return c.cfg.Conn.publish(ctx, len(works), most, func(i int) (*nats.Msg, error) {
		w := works[i]
		return &nats.Msg{Subject: item.ParkedSubject(w.place.Name, w.change()), Header: w.carried(c.known(w))}, nil
	})
}

// known is what work that is parked is known to have gone through. Where its place takes nothing now, a doubt ends with it: who was away
// may have come back as a replica that lags. A place that is only full was not away.
func (c *Consumer) known(w *work) past {
	p := past{wrong: w.task.Attempt - 1}
	if c.cfg.Placement.Capacity(w.place.Name) == math.MaxInt {
		p.silent = w.silent
		p.doubt = w.task.Doubt
	}
	return p
}

// schedule has a change published again after the verdict's delay.
func (c *Consumer) schedule(ctx context.Context, w *work, v verdict) error {
	ctx, cancel := stopping(ctx)
	defer cancel()
	change := w.change()
	subject := item.RetrySubject(change)
	if v.action == look {
		change.Second = true
		subject = item.SecondLookSubject(change)
	}
	if v.past.doubt.Answers == 1 {
		v.past.doubt = c.inherit(ctx, subject, v.past.doubt)
	}
	h := w.carried(v.past)
	h.Set(scheduleHeader, "@at "+time.Now().Add(c.cfg.Conn.Ahead()+v.delay).UTC().Format(time.RFC3339Nano))
	h.Set(targetHeader, change.Subject())
	return c.cfg.Conn.publish(ctx, 1, 1, func(int) (*nats.Msg, error) {
		return &nats.Msg{Subject: subject, Header: h}, nil
	})
}

// inherit continues the doubt of the schedule that the new one replaces. Without that, whoever announces a record
// more often than once a minute would have its upstream doubted for ever.
func (c *Consumer) inherit(ctx context.Context, subject string, d Doubt) Doubt {
	stream, err := c.cfg.Conn.js.Stream(ctx, Changes)
	if err != nil {
		return d // it begins anew, which only delays
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		return d
	}
	if was := readDoubt(m.Header.Get(doubtHeader)); was.Version == d.Version && was.Since.Before(d.Since) {
		was.Answers++
		return was
	}
	return d
}

// setAside parks what an intake must not put on the board, and acknowledges it.
func (c *Consumer) setAside(ctx context.Context, works []*work) {
	v := verdict{action: park}
	if err := c.park(ctx, works); err != nil {
		c.log.Warn("work not parked, trying again", "place", works[0].place.Name, "works", len(works), "error", err)
		v = verdict{action: again, delay: time.Second}
	}
	for _, w := range works {
		c.acknowledge(w, v, nil)
		c.cfg.Handled(Handled{Lane: w.Lane, Place: w.place.Name, Verdict: v.action.String()})
	}
}

// runParked runs, from when something is parked until ctx ends, an intake for each lane of each place that
// the catalog has.
func (c *Consumer) runParked(ctx context.Context) {
	if c.cfg.Stream != Changes || !c.awaitParked(ctx) {
		return
	}
	var intakes sync.WaitGroup
	defer intakes.Wait()
	intakes.Go(func() {
		defer redact.Crash()
		c.bringHome(ctx)
	})
	running := map[string]context.CancelFunc{}
	defer func() {
		for _, stop := range running {
			stop()
		}
	}()
	for ok := true; ok; ok = pause.For(ctx, time.Second) == nil {
		there := map[string]bool{}
		for _, p := range c.cfg.Placement.All() {
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
		intakes.Go(func() {
			defer redact.Crash()
			in.run(ctx)
		})
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
		takes := c.cfg.Placement.Capacity(name)
		n, gone := c.board.free(c.placeNamed(name), lane, takes)
		if n > 0 && !(lane == item.Refresh && takes < math.MaxInt && c.urgentParked(ctx, name)) {
			return n
		}
		look := time.NewTimer(parkEvery)
		select {
		case <-gone:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
	}
	return 0
}

// urgentParked reports whether work is parked for a place that goes before that of the refresh lane. Work of a lane that is
// closed here does not: nobody may ever take it.
func (c *Consumer) urgentParked(ctx context.Context, place string) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := c.cfg.Conn.js.Stream(ctx, Parked)
	if err != nil {
		return false // nothing can be taken then, either
	}
	for _, lane := range []item.Lane{item.High, item.Normal} {
		if !c.cfg.Open(lane) {
			continue
		}
		if _, err := stream.GetLastMsgForSubject(ctx, "parked."+place+"."+string(lane)+".>"); err == nil {
			return true
		}
	}
	return false
}

func (c *Consumer) placeNamed(name string) Place {
	for _, p := range c.cfg.Placement.All() {
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
