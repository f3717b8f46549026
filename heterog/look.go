package heterog

import (
	"context"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// lookAgain orders a second look where the answer may have come from a replica that lags, and nobody would announce the
// change again: at what somebody announced and where nothing new was found, or where the fetch stands for several changes; at
// what is older than the record and was believed at last; and at what took the place of a record that its store had lost
// newer writes of. Refreshes announce everything, whether it has changed or not, and are looked at twice only in the latter
// two cases, and where they took the place of a record that was fetched a moment ago, all of which are rare. So does a second
// look: after itself none comes so soon that it would ask for yet another.
func (w *Worker) lookAgain(ctx context.Context, d *catalog.Dimension, jobs []*job) {
	since := w.Since()
	var single []*job // one change each, as far as is known here
	for _, j := range jobs {
		switch {
		case j.err != nil:
		case j.wentBack:
			j.err = bus.ErrSecondLook
		case j.task.Second:
			if j.task.Change.Lane != item.Refresh {
				w.looks.learn(d, !j.foundNothing())
			}
			if !j.foundNothing() && j.fetchedWithin(lookLag) {
				w.order(d, j)
			}
		case j.cameBack(since) && w.mayLag(since):
			j.err = bus.ErrSecondLook
		case j.task.Change.Lane == item.Refresh:
			if !j.foundNothing() && j.fetchedWithin(settled) {
				w.order(d, j)
			}
		case j.foundNothing() || j.cameBack(since) || j.several():
			w.order(d, j)
		case j.young():
			single = append(single, j)
		}
	}
	for i, repeated := range w.repeated(ctx, single) {
		if repeated {
			w.order(d, single[i])
		}
	}
}

// order orders a second look, as far as there is credit.
func (w *Worker) order(d *catalog.Dimension, j *job) {
	if w.looks.allow(d) {
		j.err = bus.ErrSecondLook
	}
}

// cameBack reports whether the answer replaced a record of a store that came back from a loss. That record may be
// several edits old, and then the answer of a lagging replica can be newer than the record without being the newest:
//
//	upstream a   b   c          the replica says b still
//	store    a   b   c   a      it is back from a snapshot; c is announced again, and b is an answer that is new
//
// Of refreshes only forced ones count. A repair replays announcements with force, so they concern recent edits.
func (j *job) cameBack(since time.Time) bool {
	if since.IsZero() {
		return false
	}
	if j.task.Change.Lane == item.Refresh { // an earlier answer in this life may have come from a lagging replica, too
		return j.task.Force
	}
	if j.held.Existence == kv.Absent {
		return j.task.Force || j.young()
	}
	return j.held.Fetched.Before(since.Add(lag)) // what was lost just before may be missing in what a replica said just after
}

// mayLag reports whether a replica may still lack what was edited before a loss. During that time each record that came
// back gets one second look; afterwards only while there is credit.
func (w *Worker) mayLag(since time.Time) bool { return w.now().Sub(since) < w.Patience }

// foundNothing reports whether the answer equals the record, or says that there is no such entity and there was no
// record.
func (j *job) foundNothing() bool {
	return j.result.Outcome == kv.Same || j.value.Existence == kv.Unknown
}

// looks keeps the number of second looks proportional to what they find, per dimension. Otherwise a publisher that
// announces everything, changed or not, would double the calls of its upstream for ever.
//
// A dimension has credit. A look costs 1, and each change that wants one earns a twentieth. So if looks never find
// anything, one change in twenty still gets one. A look that finds something earns 20: if at least every twentieth look
// finds something, all are granted.
type looks struct {
	mu     sync.Mutex // guards credit
	credit map[string]int
}

// Credit is counted in twentieths of a look.
const (
	lookCost = 20
	lookEarn = 1
	lookHit  = 20 * lookCost
	lookMost = 1000 * lookCost // and the initial credit of a dimension
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
