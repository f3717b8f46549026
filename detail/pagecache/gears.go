package pagecache

import (
	"math"
	"sync/atomic"
	"time"
)

// A coding can run at several levels: the higher, the smaller the body and the longer the work. Which one pays depends on the pages, the
// machine and the load, so that it is measured. For each level a gearbox knows what it took lately, by byte of the pages, and what it
// left; it takes the level with the least
//
//	time of the work * (1 + pages that wait for a processor) + bytes left * lineTime
//
// since all who wait are delayed by the work, and the visitor by the bytes. At rest a high level wins; in a crowd the lowest.

const (
	lineTime = 800 * time.Nanosecond // of a byte: a visitor's line of 10 Mbit/s
	tryEvery = 64                    // pages of which one goes to another level, so that its figures stay true
	outlier  = 4.0                   // times the mean: more than that was not the level's own work

	// Weights of a measurement in the mean. Other work on the machine only adds to a time, so that a shorter one weighs more.
	weightLess, weightMore = 1.0 / 4, 1.0 / 32
)

// Meter runs the work of a level and returns how long it took.
type Meter func(c Coding, level int, work func()) time.Duration

func byClock(_ Coding, _ int, work func()) time.Duration {
	began := time.Now()
	work()
	return time.Since(began)
}

// gear is a level of a coding.
type gear struct {
	level  int
	encode func(body []byte) []byte

	nanos mean // per byte of the body
	left  mean // bytes that were left, per byte of the body
	pages atomic.Int64
}

// gearbox holds the gears of one coding, the quickest first. It is safe for concurrent use.
type gearbox struct {
	coding Coding
	gears  []*gear
	turn   atomic.Uint64
}

// encode compresses a body while so many pages wait for a processor; quickest forces the first gear.
func (b *gearbox) encode(body []byte, waiting float64, quickest bool, meter Meter) (out []byte) {
	g := b.gears[0]
	if !quickest {
		g = b.next(waiting)
	}
	took := meter(b.coding, g.level, func() { out = g.encode(body) })
	g.pages.Add(1)
	if len(body) > 0 {
		g.nanos.add(float64(took) / float64(len(body)))
		g.left.add(float64(len(out)) / float64(len(body)))
	}
	return out
}

// next is the gear that pays, or one whose figures are to be renewed.
func (b *gearbox) next(waiting float64) *gear {
	for _, g := range b.gears {
		if !g.nanos.known() {
			return g
		}
	}
	if turn := b.turn.Add(1); turn%tryEvery == 0 {
		return b.gears[turn/tryEvery%uint64(len(b.gears))]
	}
	return b.best(waiting)
}

// best is the gear that pays.
func (b *gearbox) best(waiting float64) *gear {
	best, least := b.gears[0], math.Inf(1)
	for _, g := range b.gears {
		if cost := g.nanos.value()*(1+waiting) + g.left.value()*float64(lineTime); cost < least {
			best, least = g, cost
		}
	}
	return best
}

// mean is a moving average. Of two goroutines that add at once, one may be lost.
type mean struct{ bits atomic.Uint64 }

func (m *mean) known() bool { return m.bits.Load() != 0 }

func (m *mean) value() float64 { return math.Float64frombits(m.bits.Load()) }

func (m *mean) add(v float64) {
	if was := m.value(); m.known() {
		weight := weightMore
		if v < was {
			weight = weightLess
		}
		v = was + weight*(min(v, outlier*was)-was)
	}
	m.bits.Store(math.Float64bits(max(v, math.SmallestNonzeroFloat64)))
}

// Gear holds the results of one level of a coding.
type Gear struct {
	Coding  Coding
	Level   int
	figures *gear
}

// Pages is how many bodies it compressed.
func (g Gear) Pages() float64 { return float64(g.figures.pages.Load()) }

// SecondsPerByte is what a byte of a body takes.
func (g Gear) SecondsPerByte() float64 { return g.figures.nanos.value() * 1e-9 }

// Left is the share of the bytes that it leaves.
func (g Gear) Left() float64 { return g.figures.left.value() }

// Gears lists the levels of all codings.
func (e *Encoder) Gears() (all []Gear) {
	for _, b := range e.gearboxes() {
		for _, g := range b.gears {
			all = append(all, Gear{b.coding, g.level, g})
		}
	}
	return all
}
