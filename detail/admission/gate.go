package admission

import (
	"runtime"
	"sync/atomic"
)

// pagesPerCore are made at once. Most of them wait for a tier, or for their turn to be rendered.
const pagesPerCore = 64

// gate bounds the pages that are made at once. Nobody waits in front of it: a server that has ten times more to do than it
// can would otherwise begin all pages, finish each late, and serve few.
//
// Of the pages being made, one for each processor is rendered. Rendering takes a thousand times as long as the other steps
// of a request. With many pages at it, each of those steps (accepting a connection, reading a request, answering from memory)
// would wait in line behind them.
type gate struct {
	making  atomic.Int64
	limit   int64
	cores   int64
	renders chan struct{} // has room for the pages being rendered
	waiting atomic.Int64  // pages that wait for their turn to be rendered
}

func newGate() *gate {
	cores := runtime.GOMAXPROCS(0)
	return &gate{limit: int64(pagesPerCore * cores), cores: int64(cores), renders: make(chan struct{}, cores)}
}

// render calls f when fewer pages are being rendered than there are processors. Afterwards it yields, so that requests which
// wait for the processor come before the next page.
func (g *gate) render(f func()) {
	g.waiting.Add(1)
	g.renders <- struct{}{}
	g.waiting.Add(-1)
	defer func() {
		runtime.Gosched()
		<-g.renders
	}()
	f()
}

// full reports whether enter would refuse now.
func (g *gate) full() bool { return g.making.Load() >= g.limit }

// occupied reports whether each processor has a page to make.
func (g *gate) occupied() bool { return g.making.Load() >= g.cores }

// enter reports whether a page may be made. The caller then calls leave once it is made.
func (g *gate) enter() bool {
	if g.making.Add(1) <= g.limit {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() { g.making.Add(-1) }
