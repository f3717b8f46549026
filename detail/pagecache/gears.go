package pagecache

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// A body can be compressed by several codings, each at several levels: the smaller the result, the longer the work. Which one pays depends
// on the pages, the machine and the load, so that it is measured. For each level of each coding a gearbox knows what it took lately, by
// byte of the pages, and what it left; of those that the visitor accepts it takes the one with the least
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
	coding Coding
	level  int
	encode func(body []byte) []byte

	nanos mean // per byte of the body
	left  mean // bytes that were left, per byte of the body
	pages atomic.Int64
}

// run compresses a body.
func (g *gear) run(body []byte, meter Meter) (by Encoding, out []byte) {
	took := meter(g.coding, g.level, func() { out = g.encode(body) })
	if g.pages.Add(1) > 1 && len(body) > 0 { // the first one pays for the coder, too
		g.nanos.add(float64(took) / float64(len(body)))
		g.left.add(float64(len(out)) / float64(len(body)))
	}
	return Encoding{Coding: g.coding}, out
}

// cost is that of a byte while so many pages wait for a processor, in ns.
func (g *gear) cost(waiting float64) float64 {
	return g.nanos.value()*(1+waiting) + g.left.value()*float64(lineTime)
}

// gearbox holds the gears of all codings, of each the quickest first. It is safe for concurrent use.
type gearbox struct {
	gears []*gear
	turn  atomic.Uint64
}

func (b *gearbox) add(c Coding, level int, encode func(body []byte) []byte) {
	b.gears = append(b.gears, &gear{coding: c, level: level, encode: encode})
}

// quickest is the lowest level of gzip, or of another coding where gzip is not allowed. At least one coding is.
func (b *gearbox) quickest(allowed codingSet) *gear {
	i := slices.IndexFunc(b.gears, func(g *gear) bool { return allowed.has(g.coding) })
	return b.gears[i]
}

// next is the gear that pays, or one whose figures are to be renewed, of the allowed codings. At least one is.
func (b *gearbox) next(allowed codingSet, waiting float64) *gear {
	var best *gear
	least, count := math.Inf(1), uint64(0)
	for _, g := range b.gears {
		if !allowed.has(g.coding) {
			continue
		}
		if !g.nanos.known() {
			return g
		}
		count++
		if cost := g.cost(waiting); cost < least {
			best, least = g, cost
		}
	}
	if turn := b.turn.Add(1); turn%tryEvery == 0 {
		return b.nth(allowed, turn/tryEvery%count)
	}
	return best
}

// nth is the gear of the allowed codings at position n, which there is.
func (b *gearbox) nth(allowed codingSet, n uint64) *gear {
	for _, g := range b.gears {
		switch {
		case !allowed.has(g.coding):
		case n == 0:
			return g
		default:
			n--
		}
	}
	return nil
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
type Gear struct{ figures *gear }

// Coding is the gear's coding.
func (g Gear) Coding() Coding { return g.figures.coding }

// Level is the gear's level.
func (g Gear) Level() int { return g.figures.level }

// Pages is how many bodies it compressed.
func (g Gear) Pages() float64 { return float64(g.figures.pages.Load()) }

// SecondsPerByte is what a byte of a body takes.
func (g Gear) SecondsPerByte() float64 { return g.figures.nanos.value() * 1e-9 }

// Left is the share of the bytes that it leaves.
func (g Gear) Left() float64 { return g.figures.left.value() }

// Gears lists the levels of all codings.
func (e *Encoder) Gears() (all []Gear) {
	for _, g := range e.gears.gears {
		all = append(all, Gear{g})
	}
	return all
}
