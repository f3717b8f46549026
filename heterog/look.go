package heterog

import (
	"sync"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// lookAgain orders a second look at what somebody announced and where nothing new was found, and at what is older than
// the record and was believed at last: the answer may have come from a replica that lags, and nobody would announce the
// change again. Refreshes announce everything, whether it has changed or not, and are looked at twice only in the
// latter case, which is rare.
func (w *Worker) lookAgain(d *catalog.Dimension, jobs []*job) {
	for _, j := range jobs {
		switch {
		case j.err != nil:
		case j.wentBack:
			j.err = bus.ErrLookAgain
		case j.task.Change.Lane == item.Refresh:
		case j.task.Second:
			w.looks.learn(d, !j.foundNothing())
		case j.foundNothing() && w.looks.allow(d):
			j.err = bus.ErrLookAgain
		}
	}
}

// foundNothing reports whether the answer was what the record already said, or that there is no such thing, where
// there was none.
func (j *job) foundNothing() bool { return j.result.Outcome == kv.Same || j.value.Life == kv.Unknown }

// looks keeps second looks in proportion to what they find, per dimension. A publisher that announces everything, changed or
// not, would otherwise double the calls to its upstream for ever.
//
// A dimension has credit. Asking for a look takes 1, and the change that asks earns a twentieth, so that where looks
// never find anything, one change in twenty is still looked at twice. One that finds something earns 20: where every
// twentieth look finds something, or more, all are granted.
type looks struct {
	mu     sync.Mutex // guards credit
	credit map[string]int
}

// Credit is counted in twentieths of a look.
const (
	lookCost = 20
	lookEarn = 1
	lookHit  = 20 * lookCost
	lookMost = 1000 * lookCost // also what a dimension begins with
)

func newLooks() *looks { return &looks{credit: map[string]int{}} }

func (l *looks) allow(d *catalog.Dimension) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	credit := l.creditOf(d) + lookEarn
	granted := credit >= lookCost
	if granted {
		credit -= lookCost
	}
	l.credit[name(d)] = credit
	return granted
}

func (l *looks) learn(d *catalog.Dimension, found bool) {
	if !found {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.credit[name(d)] = min(l.creditOf(d)+lookHit, lookMost)
}

// creditOf is a dimension's credit. It needs mu.
func (l *looks) creditOf(d *catalog.Dimension) int {
	if credit, ok := l.credit[name(d)]; ok {
		return credit
	}
	return lookMost
}

func name(d *catalog.Dimension) string { return d.Kind.Name + "." + d.Name }
