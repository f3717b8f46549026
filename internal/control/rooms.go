package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/redact"
)

// knownWithin is how long a push waits for the other rooms to say who they are. A room that is cut off must not hold up this one for longer.
const knownWithin = 2 * time.Second

// ErrRooms is a list of rooms whose names and addresses do not belong together.
var ErrRooms = errors.New("nothing was pushed, since --rooms is not right (without it the push goes to the room of --nats, and the others take it over)")

// Rooms are all rooms of a shop, as a command reaches them that pushes in one of them.
type Rooms struct {
	own  *reached
	all  []*reached // by name, the room that is pushed in among them
	stop context.CancelFunc

	mu   sync.Mutex // guards here
	here *reached   // which of all is the room that is pushed in; nil while that is not known
}

// reached is a room that a command connects to. What else is known of it is known when done is closed.
type reached struct {
	name, address string
	done          chan struct{}
	conn          *bus.Conn         // nil if it was not reached
	err           error             // why it was not reached
	made          time.Time         // when its bucket of switches was made, which identifies a NATS; zero if it has none
	calls         map[string]string // what the processes that are present call their room → one of them
}

// OpenRooms connects to the rooms at these addresses, one of which is that of own. Without addresses there are no other rooms. It fails with
// ErrRooms where names and addresses are mixed up, as far as the rooms that answer show it.
func OpenRooms(ctx context.Context, own *bus.Conn, addresses map[string]string) (*Rooms, error) {
	r := &Rooms{own: &reached{conn: own}, stop: func() {}}
	if len(addresses) == 0 {
		return r, nil
	}
	if err := r.own.lookHere(ctx); err != nil {
		return nil, err
	}
	reaching, stop := context.WithCancel(ctx)
	r.stop = stop
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		there := &reached{name: name, address: addresses[name], done: make(chan struct{})}
		r.all = append(r.all, there)
		go func() {
			defer redact.Crash()
			defer close(there.done)
			there.reach(reaching, own)
		}()
	}
	if err := r.match(r.answering(ctx)); err != nil {
		r.Close()
		return nil, fmt.Errorf("%w: %w", ErrRooms, err)
	}
	return r, nil
}

// answering returns the rooms that answer soon.
func (r *Rooms) answering(ctx context.Context) (all []*reached) {
	soon, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	for _, there := range r.all {
		select {
		case <-there.done:
		case <-soon.Done():
		}
		select {
		case <-there.done:
			if there.err == nil {
				all = append(all, there)
			}
		default:
		}
	}
	return all
}

// Close closes the connections to the other rooms.
func (r *Rooms) Close() {
	r.stop()
	for _, there := range r.all {
		<-there.done
		if there.conn != nil {
			there.conn.Close()
		}
	}
}

// reach connects to the room as own is connected to its.
func (there *reached) reach(ctx context.Context, own *bus.Conn) {
	there.conn, there.err = own.Beside(ctx, there.address)
	if there.err != nil {
		return
	}
	there.err = there.look(ctx)
	if there.err != nil {
		there.conn.Close()
		there.conn = nil
	}
}

// look learns which NATS this is, and what the processes there call their room, if this login may ask for that.
func (there *reached) look(ctx context.Context) (err error) {
	there.made, err = there.conn.Bucket(SwitchBucket).Made(ctx)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return err
	}
	there.calls = map[string]string{}
	members, err := Members(ctx, there.conn)
	if err != nil {
		return ctx.Err()
	}
	for _, m := range members {
		if m.Present {
			there.calls[m.Room] = m.Node
		}
	}
	return nil
}

// lookHere looks at the room that is pushed in, whose buckets are made if they are not there.
func (there *reached) lookHere(ctx context.Context) error {
	err := there.look(ctx)
	if err == nil && there.made.IsZero() {
		err = there.conn.Ensure(ctx)
		if err == nil {
			err = there.look(ctx)
		}
	}
	return err
}

// match finds the room that is pushed in, and reports by an error names and addresses that can't be right, as far as the rooms that answer show it.
func (r *Rooms) match(answering []*reached) error {
	for i, there := range answering {
		if err := r.named(there); err != nil {
			return err
		}
		for _, other := range answering[:i] {
			if there.sameNATS(other) {
				return fmt.Errorf("%s and %s lead to one NATS, or to one and a copy of its files", other.name, there.name)
			}
		}
		if there.sameNATS(r.own) {
			r.here = there
		}
	}
	if r.here != nil {
		return nil
	}
	for _, there := range r.all { // it does not answer at its address there
		node, ok := r.own.calls[there.name]
		switch {
		case ok && slices.Contains(answering, there):
			return fmt.Errorf("%s at the NATS of --nats says that it is in the room %s, which leads to another NATS, %s", node, there.name, redact.Text(there.address))
		case ok:
			r.here = there
			return nil
		}
	}
	if len(answering) == len(r.all) {
		return errors.New("none of the rooms leads to the NATS of --nats: name the room that is pushed in, too")
	}
	return nil
}

// named reports, by an error, a room whose processes call it by the name of another one.
func (r *Rooms) named(there *reached) error {
	for _, other := range r.all {
		if node, ok := there.calls[other.name]; ok && other != there {
			return fmt.Errorf("at the address of %s, %s, is %s, which says that it is in the room %s", there.name, redact.Text(there.address), node, other.name)
		}
	}
	return nil
}

func (there *reached) sameNATS(other *reached) bool {
	return !there.made.IsZero() && there.made.Equal(other.made)
}

// Carrier has what was pushed in one room in force in another one.
type Carrier func(ctx context.Context, from, to *bus.Conn) (RoomOutcome, error)

// Carry has what was pushed in force in all other rooms at once, and returns what that came to in each, by name.
func (r *Rooms) Carry(ctx context.Context, do Carrier) (outcomes []RoomOutcome) {
	var carrying sync.WaitGroup
	var mu sync.Mutex // guards outcomes
	for _, there := range r.all {
		carrying.Go(func() {
			defer redact.Crash()
			out, other := r.carryTo(ctx, there, do)
			mu.Lock()
			defer mu.Unlock()
			if other {
				outcomes = append(outcomes, out)
			}
		})
	}
	carrying.Wait()
	slices.SortFunc(outcomes, func(a, b RoomOutcome) int { return strings.Compare(a.Room, b.Room) })
	return outcomes
}

// carryTo carries to a room. It reports false for the room that was pushed in.
func (r *Rooms) carryTo(ctx context.Context, there *reached, do Carrier) (out RoomOutcome, other bool) {
	if r.known() == there {
		return out, false
	}
	<-there.done
	err := there.err
	if err == nil && there.sameNATS(r.own) {
		here := r.isHere(there)
		if here == there {
			return out, false
		}
		err = fmt.Errorf("its address, %s, leads to the NATS of --nats, which is that of the room %s", redact.Text(there.address), here.name)
	}
	if err == nil {
		out, err = do(ctx, r.own.conn, there.conn)
	}
	out.Room = there.name
	if err != nil {
		out.Error = redact.Shown(err.Error())
	}
	return out, true
}

func (r *Rooms) known() *reached {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.here
}

// isHere returns the room that is pushed in, which is there if nothing was known of it.
func (r *Rooms) isHere(there *reached) *reached {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.here == nil {
		r.here = there
	}
	return r.here
}
