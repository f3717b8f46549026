package bus

import (
	"sync"
	"time"

	"vitrine/internal/item"
)

// board is where work waits for workers: per lane and group, in order. It merges equal work, and holds back
// what is in work already. Of each place as many batches are in work at a time as it takes (a bulkhead), so that
// a place that hangs holds up nobody else.
type board struct {
	among  func() []Place // where work is done, as the catalog says now
	buffer int            // work that may wait per lane
	urgent *urgency       // of the process

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
	full      map[string]int    // how much of each group is a full batch
	speed     speed
}

// busy is a key in work, and what waits for its end: at most one per lane.
type busy struct {
	work  *work
	began time.Time
	held  []*work
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

func newBoard(buffer int, urgent *urgency, among func() []Place) *board {
	b := &board{among: among, buffer: buffer, urgent: urgent, places: map[string]*place{}, waiting: map[slot]*work{}, busy: map[key]*busy{}}
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

// place gives a place by its name, with the limit that it has now. It needs mu.
func (b *board) place(at Place) *place {
	p := b.places[at.Name]
	if p == nil {
		p = &place{working: map[item.Lane]int{}, queue: map[item.Lane]int{}, gone: make(chan struct{}, 1), full: map[string]int{}}
		b.places[at.Name] = p
	}
	p.limit = at.Limit
	return p
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
		p.full[w.group] = w.max
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
	now := time.Now()
	for _, w := range works {
		if in := b.busy[w.key]; in != nil {
			in.held = append(in.held, w)
			continue
		}
		delete(b.waiting, w.slot)
		b.busy[w.key] = &busy{work: w, began: now}
		l.waiting--
		p.queue[w.Lane]--
		batch = append(batch, w)
	}
	if len(batch) > 0 {
		p.working[l.name]++
		if l.name == item.Refresh {
			p.refreshed = now
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
	p.speed.note(len(batch), time.Since(b.busy[batch[0].key].began))
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
