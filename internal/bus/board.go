package bus

import (
	"context"
	"math"
	"sync"
	"time"

	"vitrine/internal/item"
)

// board is where work waits for workers: per lane and group, in order. It merges equal work, and holds back
// what is in work already. Of each place as many batches are in work at a time as it takes (a bulkhead), so that
// a place that hangs holds up nobody else.
type board struct {
	others func() bool // is there more than one place
	buffer int         // work that may wait per lane
	share  int         // of it, what one place may hold of parked work
	urgent *urgency    // of the process

	mu      sync.Mutex // guards all below
	ready   *sync.Cond // there may be work to take, or the board was closed
	lanes   []*lane    // most urgent first
	places  map[string]*place
	alarm   time.Time // when wake is to be called; zero for never
	waiting map[slot]*work
	busy    map[key]*busy
	closed  bool
}

// place is where work is done: an upstream.
type place struct {
	limit     int               // batches in work at a time
	working   map[item.Lane]int // batches in work
	refreshed time.Time         // when one of the refresh lane was taken last
	queue     map[item.Lane]int // what waits for it here
	gone      chan struct{}     // holds a mark when work was taken from its queue
}

// busy is a key in work, and what waits for its end: at most one per lane.
type busy struct {
	work *work
	held []*work
}

// lane holds groups in the order of their turns. Its weight is its share of the batches while all lanes wait.
type lane struct {
	name    item.Lane
	weight  int
	credit  int
	waiting int           // held back work included
	room    chan struct{} // holds a mark when work was taken
	groups  map[string][]*work
	turns   []string
}

func newBoard(buffer int, urgent *urgency, others func() bool) *board {
	b := &board{others: others, buffer: buffer, share: max(1, buffer/8), urgent: urgent, places: map[string]*place{}, waiting: map[slot]*work{}, busy: map[key]*busy{}}
	b.ready = sync.NewCond(&b.mu)
	for _, l := range item.Lanes() {
		b.lanes = append(b.lanes, &lane{name: l, weight: l.Weight(), room: make(chan struct{}, 1), groups: map[string][]*work{}})
	}
	return b
}

func (b *board) lane(name item.Lane) *lane {
	for _, l := range b.lanes {
		if l.name == name {
			return l
		}
	}
	return b.lanes[len(b.lanes)-1]
}

// room waits until a quarter of the lane's buffer is free and returns how much is; 0 when ctx ends.
func (b *board) room(ctx context.Context, name item.Lane) int {
	l := b.lane(name)
	for {
		b.mu.Lock()
		free := b.buffer - l.waiting
		b.mu.Unlock()
		if free > 0 && free >= b.buffer/4 {
			return free
		}
		select {
		case <-l.room:
		case <-ctx.Done():
			return 0
		}
	}
}

// place gives a place by its name, with the limit that it has now. It needs mu.
func (b *board) place(at Place) *place {
	p := b.places[at.Name]
	if p == nil {
		p = &place{working: map[item.Lane]int{}, queue: map[item.Lane]int{}, gone: make(chan struct{}, 1)}
		b.places[at.Name] = p
	}
	p.limit = at.Limit
	return p
}

// roomAt is how much more work of a lane a place has room for. It is refused what it does not take now, and
// what would take room from others: more than twice what is left of two thirds of the buffer, beyond what can begin at
// once in batches of max. So a place may fill four ninths of an empty buffer, and any number of them leaves the quarter
// without which nothing more is taken in. It needs mu.
func (b *board) roomAt(p *place, lane item.Lane, max, takes int) int {
	n := math.MaxInt
	if atOnce := (p.limit - p.inWork()) * max; p.queue[lane] >= atOnce && b.others() {
		n = 2*(b.buffer*2/3-b.lane(lane).waiting) + atOnce - p.queue[lane]
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

// free is how much parked work of a lane a place takes now.
func (b *board) free(at Place, lane item.Lane, takes int) (n int, gone <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.place(at)
	return min(b.share-p.queue[lane], b.roomAt(p, lane, 1, takes)), p.gone
}

// add puts work on the board. takes returns how many batches a place takes now. It returns the messages that
// are replaced by newer ones in the stream, and the work that must be parked.
func (b *board) add(works []*work, takes func(place string) int) (replaced []message, turnedAway []*work) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, w := range works {
		if old := b.waiting[w.slot]; old != nil {
			replaced = append(replaced, old.merge(w)...)
			continue
		}
		p := b.place(w.place)
		if !w.parked && w.place.Name != "" && b.roomAt(p, w.Lane, w.max, takes(w.place.Name)) <= 0 {
			turnedAway = append(turnedAway, w)
			continue
		}
		b.waiting[w.slot] = w
		w.posted = now
		if w.Lane == item.High {
			b.urgent.came()
		}
		p.queue[w.Lane]++
		b.lane(w.Lane).waiting++
		if in := b.busy[w.key]; in != nil {
			in.held = append(in.held, w)
			continue
		}
		b.lane(w.Lane).push(w)
		b.ready.Signal()
	}
	return replaced, turnedAway
}

// next waits for the next batch; nil when the board is closed.
func (b *board) next() []*work {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed {
		l, group := b.turn()
		if l == nil {
			b.ready.Wait()
			continue
		}
		if batch := b.batch(l, group); len(batch) > 0 {
			return batch
		}
	}
	return nil
}

// turn is the most urgent lane that has work to begin and credit, and the group whose turn it is there; credits are
// renewed when none has.
func (b *board) turn() (*lane, int) {
	var first *lane
	var group int
	for _, l := range b.lanes {
		i := l.eligible(b)
		if i < 0 {
			continue
		}
		if l.credit > 0 {
			l.credit--
			return l, i
		}
		if first == nil {
			first = l
			group = i
		}
	}
	if first == nil {
		return nil, 0
	}
	for _, l := range b.lanes {
		l.credit = l.weight
	}
	first.credit--
	return first, group
}

// batch takes a group's work off the lane. What is in work through another lane is held back.
func (b *board) batch(l *lane, group int) (batch []*work) {
	works := l.pop(group)
	p := b.place(works[0].place)
	for _, w := range works {
		if in := b.busy[w.key]; in != nil {
			in.held = append(in.held, w)
			continue
		}
		delete(b.waiting, w.slot)
		b.busy[w.key] = &busy{work: w}
		l.waiting--
		p.queue[w.Lane]--
		batch = append(batch, w)
	}
	if len(batch) > 0 {
		p.working[l.name]++
		if l.name == item.Refresh {
			p.refreshed = time.Now()
		}
	}
	mark(l.room)
	mark(p.gone)
	return batch
}

func mark(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// done ends the work of a batch and lets go what was held back.
func (b *board) done(batch []*work) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.place(batch[0].place)
	p.working[batch[0].Lane]--
	if batch[0].Lane == item.High {
		b.urgent.went(len(batch))
	}
	b.ready.Signal() // the place takes another batch
	for _, w := range batch {
		held := b.busy[w.key].held
		delete(b.busy, w.key)
		for _, h := range held {
			b.lane(h.Lane).push(h)
			b.ready.Signal()
		}
	}
}

// close wakes all workers to end, and returns what waits.
func (b *board) close() (waiting []*work) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.ready.Broadcast()
	for _, w := range b.waiting {
		waiting = append(waiting, w)
		if w.Lane == item.High {
			b.urgent.went(1)
		}
	}
	clear(b.waiting)
	return waiting
}

// held lists the messages of all that waits or is in work.
func (b *board) held() (messages []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.waiting {
		messages = append(messages, w.messages...)
	}
	for _, in := range b.busy {
		messages = append(messages, in.work.messages...)
	}
	return messages
}

func (l *lane) push(w *work) {
	if len(l.groups[w.group]) == 0 {
		l.turns = append(l.turns, w.group)
	}
	l.groups[w.group] = append(l.groups[w.group], w)
}

// eligible is the first group whose place takes another batch; -1 where there is none.
func (l *lane) eligible(b *board) int {
	for i, group := range l.turns {
		queue := l.groups[group]
		if p := b.place(queue[0].place); p.inWork() < p.limit && b.mayBegin(l.name, p, queue) {
			return i
		}
	}
	return -1
}

// pop takes up to the group's max from the i-th group; what it leaves has its turn last.
func (l *lane) pop(i int) []*work {
	group := l.turns[i]
	l.turns = append(l.turns[:i], l.turns[i+1:]...)
	queue := l.groups[group]
	n := min(len(queue), max(1, queue[0].max))
	if n == len(queue) {
		delete(l.groups, group)
	} else {
		l.groups[group] = queue[n:]
		l.turns = append(l.turns, group)
	}
	return queue[:n:n]
}
