package node

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

const (
	unfetchedEvery = 5 * time.Second // the queues are looked at
	unfetchedMost  = 10_000          // so many changes in PARKED are told apart
)

// unfetched knows of which entities a change was announced and could not be fetched for a while: their pages are older than that. A change has to
// wait at two looks at least: it may wait for a moment only, since its upstream has as many calls as it takes. One that is missing at a single look
// in between is being tried.
type unfetched struct {
	list  func(ctx context.Context, most int) (entities map[item.Entity]bool, tooMany bool, err error)
	begun func(item.Entity) // called with each entity that begins to be one of these
	log   *slog.Logger

	looks int
	seen  map[item.Entity]looks
	many  looks // at which there were too many to tell apart
	now   atomic.Pointer[waitingNow]
}

// looks are the first and the last of the looks at which something was seen.
type looks struct{ first, last int }

// waitingNow is what waits at present.
type waitingNow struct {
	entities map[item.Entity]bool
	many     bool // any entity may be one of them
}

func newUnfetched(list func(context.Context, int) (map[item.Entity]bool, bool, error), log *slog.Logger) *unfetched {
	u := &unfetched{list: list, log: log, seen: map[item.Entity]looks{}}
	u.now.Store(&waitingNow{})
	return u
}

// of reports whether a change of the entity waits.
func (u *unfetched) of(e item.Entity) bool { return u.now.Load().entities[e] }

// countless reports whether so much waits that any entity may be among it.
func (u *unfetched) countless() bool { return u.now.Load().many }

// run looks until ctx ends. While NATS can't be asked, what waited waits.
func (u *unfetched) run(ctx context.Context) error {
	for pause.For(ctx, unfetchedEvery) == nil {
		entities, tooMany, err := u.list(ctx, unfetchedMost)
		if err != nil {
			u.log.Debug("not looked at what could not be fetched", "error", err)
			continue
		}
		u.look(entities, tooMany)
	}
	return nil
}

func (u *unfetched) look(entities map[item.Entity]bool, tooMany bool) {
	u.looks++
	if tooMany {
		u.many = u.many.again(u.looks)
	}
	for e := range entities {
		u.seen[e] = u.seen[e].again(u.looks)
	}
	before, next := u.now.Load(), &waitingNow{entities: map[item.Entity]bool{}, many: u.many.wait(u.looks)}
	for e, seen := range u.seen {
		switch {
		case seen.wait(u.looks):
			next.entities[e] = true
		case seen.last < u.looks-1:
			delete(u.seen, e)
		}
	}
	u.now.Store(next)
	for e := range next.entities {
		if !before.entities[e] {
			u.begun(e) // it is marked from now on, and its copies are read again
		}
	}
}

// again is l after a look at which it was seen.
func (l looks) again(look int) looks {
	if l.last < look-2 || l.first == 0 {
		l.first = look
	}
	l.last = look
	return l
}

// wait reports whether what was seen waits: twice at least, and at this look or the one before.
func (l looks) wait(look int) bool { return l.last > l.first && l.last >= look-1 }
