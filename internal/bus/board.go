package bus

import (
	"context"
	"sync"

	"vitrine/internal/item"
)

// board is where work waits for workers: per lane and group, in order. It merges equal work, and holds back
// what is in work already.
type board struct {
	buffer int // work that may wait per lane

	mu      sync.Mutex // guards all below
	ready   *sync.Cond // there may be work to take, or the board was closed
	lanes   []*lane    // most urgent first
	waiting map[slot]*work
	busy    map[key]*busy
	closed  bool
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

func newBoard(buffer int) *board {
	b := &board{buffer: buffer, waiting: map[slot]*work{}, busy: map[key]*busy{}}
	b.ready = sync.NewCond(&b.mu)
	weights := map[item.Lane]int{item.High: 16, item.Normal: 4, item.Refresh: 1}
	for _, l := range item.Lanes() {
		b.lanes = append(b.lanes, &lane{name: l, weight: weights[l], room: make(chan struct{}, 1), groups: map[string][]*work{}})
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

// add puts work on the board and returns the messages that are replaced by newer ones in the stream.
func (b *board) add(works []*work) (replaced []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range works {
		if old := b.waiting[w.slot]; old != nil {
			replaced = append(replaced, old.merge(w)...)
			continue
		}
		b.waiting[w.slot] = w
		b.lane(w.Lane).waiting++
		if in := b.busy[w.key]; in != nil {
			in.held = append(in.held, w)
			continue
		}
		b.lane(w.Lane).push(w)
		b.ready.Signal()
	}
	return replaced
}

// take waits for the next batch; nil when the board is closed.
func (b *board) take() []*work {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed {
		l := b.turn()
		if l == nil {
			b.ready.Wait()
			continue
		}
		if batch := b.batch(l); len(batch) > 0 {
			return batch
		}
	}
	return nil
}

// turn is the most urgent lane that waits and has credit; credits are renewed when none has.
func (b *board) turn() *lane {
	var first *lane
	for _, l := range b.lanes {
		if len(l.turns) == 0 {
			continue
		}
		if l.credit > 0 {
			l.credit--
			return l
		}
		if first == nil {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	for _, l := range b.lanes {
		l.credit = l.weight
	}
	first.credit--
	return first
}

// batch takes the next group's work off the lane. What is in work through another lane is held back.
func (b *board) batch(l *lane) (batch []*work) {
	for _, w := range l.pop() {
		if in := b.busy[w.key]; in != nil {
			in.held = append(in.held, w)
			continue
		}
		delete(b.waiting, w.slot)
		b.busy[w.key] = &busy{work: w}
		l.waiting--
		batch = append(batch, w)
	}
	select {
	case l.room <- struct{}{}:
	default:
	}
	return batch
}

// done ends the work of a batch and lets go what was held back.
func (b *board) done(batch []*work) {
	b.mu.Lock()
	defer b.mu.Unlock()
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

// pop takes up to the group's max from the group whose turn it is; what it leaves has its turn last.
func (l *lane) pop() []*work {
	group := l.turns[0]
	l.turns = l.turns[1:]
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
