package bus

import (
	"context"
	"math"
	"time"

	"vitrine/internal/item"
)

// A process takes in what it does in about a second. The rest waits in NATS, or in PARKED where work for other places stands behind it. So a
// process that joins has work at once, however slow an upstream is, a burst is dealt evenly, and little waits for AckWait when a
// process dies.

// holds is for how long a process has work at hand.
const holds = time.Second

// speed is what the latest batches of a place were like, on average.
type speed struct {
	took time.Duration // 0 before the first
	size float64       // works in one
}

// note learns how a batch went. The latest four or so count.
func (s *speed) note(works int, took time.Duration) {
	if s.took == 0 {
		s.took = max(took, 1)
		s.size = float64(works)
		return
	}
	s.took = max(s.took+(took-s.took)/4, 1)
	s.size += (float64(works) - s.size) / 4
}

// lot is how much work of a lane a place has waiting at most: what it does while work is held, or as much as it has in work if that
// takes longer, and at least a full batch of each group, since an upstream that takes batches would otherwise be given parts of them.
func (p *place) lot() int {
	n := float64(p.limit) * max(p.speed.size, 1)
	if took := p.speed.took; took > 0 && took < holds {
		n *= float64(holds) / float64(took)
	}
	full := 0
	for _, works := range p.full {
		full += works
	}
	return max(int(min(n, math.MaxInt32)), full)
}

// room waits until there is room in a lane, and returns for how much; 0 when ctx ends. There is room once a quarter of the buffer is
// free, and a quarter of the lot of any place: what comes may be for that one.
func (b *board) room(ctx context.Context, name item.Lane) int {
	l := b.lane(name)
	for {
		if n := b.roomIn(l); n > 0 {
			return n
		}
		select {
		case <-l.room:
		case <-ctx.Done():
			return 0
		}
	}
}

func (b *board) roomIn(l *lane) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := b.buffer - l.waiting
	if free < b.buffer/4 {
		return 0
	}
	wanted := 0
	idle := false
	for _, at := range b.among() {
		p := b.place(at)
		lot := p.lot()
		lacks := max(0, lot-p.queue[l.name])
		wanted += lacks
		idle = idle || lacks > 0 && lacks >= lot/4
	}
	if !idle {
		return 0
	}
	return min(free, wanted)
}

// roomAt is how much more work of a lane a place has room for. It is refused what it does not take now, what exceeds its lot, and
// what would take room from others: more than twice what is left of two thirds of the buffer, beyond what can begin at
// once in batches of max. So a place may fill four ninths of an empty buffer, and any number of them leaves the quarter
// without which nothing more is taken in. A place that is the only one is refused nothing for want of room: the intake stops instead. It
// needs mu.
func (b *board) roomAt(p *place, lane item.Lane, max, takes int) int {
	n := math.MaxInt
	if atOnce := (p.limit - p.inWork()) * max; p.queue[lane] >= atOnce && len(b.among()) > 1 {
		n = 2*(b.buffer*2/3-b.lane(lane).waiting) + atOnce - p.queue[lane]
		n = min(n, p.lot()-p.queue[lane])
	}
	if takes == math.MaxInt {
		return n
	}
	if lane == item.Refresh {
		n = min(n, p.bulk())
	}
	return min(n, takes-p.waiting())
}

// bulk is how much work of the refresh lane a place takes that is probed after a failure: one at a time, and none while more
// urgent work waits for it. Bulk is slow as a rule, and a few of it would use up all probes.
func (p *place) bulk() int {
	if p.queue[item.High]+p.queue[item.Normal] > 0 {
		return 0
	}
	return 1 - p.queue[item.Refresh] - p.working[item.Refresh]
}

func (p *place) waiting() (n int) {
	for _, waiting := range p.queue {
		n += waiting
	}
	return n
}

// inWork is how many batches are in work at a place.
func (p *place) inWork() (n int) {
	for _, working := range p.working {
		n += working
	}
	return n
}

// free is how much parked work of a lane a place takes now: of its lot, what leaves the buffer to others.
func (b *board) free(at Place, lane item.Lane, takes int) (n int, gone <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.place(at)
	return min(p.lot()-p.queue[lane], max(1, b.buffer/8)-p.queue[lane], b.roomAt(p, lane, 1, takes)), p.gone
}
