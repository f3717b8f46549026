package leftovers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// The agent's keys in the bucket of marks.
const (
	sweptKey  = "leftovers.swept"  // when the stores were swept last, by the clock of NATS
	askedKey  = "leftovers.asked"  // a Request
	answerKey = "leftovers.answer" // its Reply
)

// askedFor is how long a request is valid. Nobody expects it to be carried out later.
const askedFor = time.Minute

// Request asks to remove at once all that a catalog does not have.
type Request struct {
	Revision uint64 `json:"revision"` // of the catalog
}

// Reply is the result of a Request.
type Reply struct {
	Order   uint64         `json:"order"` // the request, by its revision in the bucket of marks
	Removed map[string]int `json:"removed"`
	Error   string         `json:"error,omitempty"`
}

// Agent removes leftovers when they are no longer needed, or on request. Several agents are harmless.
type Agent struct{ Config }

// New makes an Agent.
func New(c Config) *Agent { return &Agent{c.withDefaults()} }

// Run checks at intervals whether something is due, until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error { return a.repeat(ctx, a.Every, a.Sweep) }))
	group.Go(redact.Guard(func() error { return a.repeat(ctx, a.Ask, a.obey) }))
	return group.Wait()
}

func (a *Agent) repeat(ctx context.Context, every time.Duration, do func(context.Context) error) error {
	pause.Every(ctx, every, func() {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("leftovers of earlier catalogs are not all removed; tried again", "error", err)
		}
	})
	return nil
}

// Found lists the leftovers, by kind and name, and removes nothing. head is the revision of the catalog that does not
// have them.
func (a *Agent) Found(ctx context.Context) (found []Leftover, head uint64, err error) {
	p, err := a.newPass(ctx, a.Keep, false)
	if err != nil {
		return nil, 0, err
	}
	err = p.run(ctx)
	found = []Leftover{}
	for n, count := range p.found {
		at, _ := p.goes(n, a.Keep)
		found = append(found, Leftover{n, count, at})
	}
	slices.SortFunc(found, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.What, a.What), cmp.Compare(a.Name.Name, b.Name.Name), cmp.Compare(a.Of, b.Of))
	})
	return found, p.head, err
}

// Sweep removes what is no longer needed, if anything may have become due since the last sweep.
func (a *Agent) Sweep(ctx context.Context) error {
	eras, now, err := a.Eras(ctx)
	if err != nil {
		return err
	}
	plan, err := newPlan(eras)
	if errors.Is(err, errNoHead) {
		return nil // the follower reports it
	}
	last, err := a.last(ctx)
	if err != nil || !plan.due(last, now, a.Keep) {
		return err
	}
	if agreed, err := a.Agreed(ctx); err != nil || !agreed {
		return err // try again later
	}
	p, err := a.newPass(ctx, a.Keep, true)
	if err == nil {
		p.rest = a.Rest
		err = a.removeAll(ctx, p)
	}
	if err != nil {
		return err
	}
	at, err := p.now.MarshalText()
	if err == nil {
		_, err = a.Marks.Put(ctx, sweptKey, at)
	}
	return err
}

func (a *Agent) last(ctx context.Context) (at time.Time, err error) {
	e, err := a.Marks.Get(ctx, sweptKey)
	switch {
	case errors.Is(err, bus.ErrNoEntry):
		return at, nil
	case err != nil:
		return at, err
	}
	if at.UnmarshalText(e.Value) != nil {
		return time.Time{}, nil
	}
	return at, nil
}

// Removals gives a number that changes when leftovers were removed, or a sweep found none. Copies of the stores may
// then hold what is no longer needed. It is 0 before the first sweep.
func Removals(ctx context.Context, marks *bus.Bucket) (number uint64, err error) {
	for _, key := range []string{sweptKey, answerKey} {
		e, err := marks.Get(ctx, key)
		if err != nil && !errors.Is(err, bus.ErrNoEntry) {
			return 0, err
		}
		number = max(number, e.Revision)
	}
	return number, nil
}

func (a *Agent) removeAll(ctx context.Context, p *pass) error {
	err := p.run(ctx)
	if n := p.removed[Record] + p.removed[Blob] + p.removed[List]; n > 0 {
		a.Log.Info("what earlier catalogs left behind was removed", "records", p.removed[Record], "blobs", p.removed[Blob], "lists", p.removed[List])
	}
	return err
}

// obey carries out the latest request, unless it is done or too old.
func (a *Agent) obey(ctx context.Context) error {
	asked, err := a.Marks.Get(ctx, askedKey)
	if errors.Is(err, bus.ErrNoEntry) {
		return nil
	}
	if err != nil {
		return err
	}
	if answered, err := a.lastReply(ctx); err != nil || answered.Order >= asked.Revision {
		return err
	}
	now, err := a.Marks.Now(ctx)
	if err != nil || now.Sub(asked.Created) > askedFor {
		return err
	}
	reply := Reply{Order: asked.Revision}
	removed, err := a.removeNow(ctx, asked.Value)
	reply.Removed = removed
	if err != nil {
		reply.Error = err.Error()
	}
	value, err := json.Marshal(reply)
	if err == nil {
		_, err = a.Marks.Put(ctx, answerKey, value)
	}
	return err
}

func (a *Agent) removeNow(ctx context.Context, body []byte) (map[string]int, error) {
	var request Request
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	settled, err := a.Settled(ctx)
	if err != nil {
		return nil, err
	}
	if !settled {
		return nil, fmt.Errorf("%w: pages may still need it, until all is built for the catalog in force, which takes about a minute", item.ErrUnavailable)
	}
	p, err := a.newPass(ctx, 0, true)
	if err != nil {
		return nil, err
	}
	if p.head != request.Revision {
		return nil, errMoved
	}
	return p.removed, a.removeAll(ctx, p)
}

func (a *Agent) lastReply(ctx context.Context) (reply Reply, err error) {
	e, err := a.Marks.Get(ctx, answerKey)
	if errors.Is(err, bus.ErrNoEntry) {
		return reply, nil
	}
	if err == nil && json.Unmarshal(e.Value, &reply) != nil {
		reply = Reply{}
	}
	return reply, err
}

// RequestRemoval asks the workers to remove all that the catalog of a revision does not need, and waits for the reply
// of one of them.
func RequestRemoval(ctx context.Context, marks *bus.Bucket, head uint64) (Reply, error) {
	value, err := json.Marshal(Request{head})
	if err != nil {
		return Reply{}, err
	}
	requested, err := marks.Put(ctx, askedKey, value)
	if err != nil {
		return Reply{}, err
	}
	a := Agent{Config{Marks: marks}}
	for {
		reply, err := a.lastReply(ctx)
		if err == nil && reply.Order >= requested {
			return reply, nil
		}
		if pause.For(ctx, 200*time.Millisecond) != nil {
			return Reply{}, fmt.Errorf("no worker has answered: %w", cmp.Or(err, ctx.Err()))
		}
	}
}
