package detail

import (
	"errors"
	"runtime"
	"sync/atomic"
)

// errBusy is what a visitor is told whose request is beyond a budget.
var errBusy = errors.New("too many pages are being made")

// pagesPerCore are made at once. Most of them wait for a tier, or for their turn to be rendered.
const pagesPerCore = 64

// gate lets so many pages be made at once, and turns away who comes beyond that: nobody waits in front of it.
// Without it, a server with ten times more to do than it can would begin all, finish each late, and serve few.
//
// Of the pages being made, one for each processor is rendered. Rendering takes a thousand times as long as what else
// a request does, and with many at it, all else - to accept a connection, to read a request, to answer from memory -
// would stand in line behind them at each step.
type gate struct {
	making atomic.Int64
	most   int64
	turns  chan struct{}
}

func newGate() *gate {
	cores := runtime.GOMAXPROCS(0)
	return &gate{most: int64(pagesPerCore * cores), turns: make(chan struct{}, cores)}
}

// render calls f in its turn. What waits for the processor comes before the next one's.
func (g *gate) render(f func()) {
	g.turns <- struct{}{}
	defer func() {
		runtime.Gosched()
		<-g.turns
	}()
	f()
}

// full tells whether whoever comes now is turned away.
func (g *gate) full() bool { return g.making.Load() >= g.most }

// enter tells whether a page may be made; leave is then called when it is.
func (g *gate) enter() bool {
	if g.making.Add(1) <= g.most {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() { g.making.Add(-1) }
