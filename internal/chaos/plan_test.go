package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// These are the kinds of system that a round may have.
const (
	embedded = "up over bbolt"
	sharded  = "up over bbolt in several files"
	beside   = "up over Redis, roles beside it"
	apart    = "roles apart, a NATS of their own, a Redis"
	cluster  = "roles apart, a NATS of their own, a Redis Cluster"
)

// event is something that happens at a given time.
type event struct {
	at     time.Duration
	lasts  time.Duration // 0 for an instantaneous event
	fault  string
	where  string // the system of the round, or the room of the soak
	target int    // index of the process, upstream, or node of a Cluster
}

func (e event) String() string {
	return fmt.Sprintf("%6.1fs %5.1fs %s %d in %s", e.at.Seconds(), e.lasts.Seconds(), e.fault, e.target, e.where)
}

// play calls carryOut for each event at its time, and returns when the last has ended.
func play(events []event, lasts time.Duration, carryOut func(event)) {
	began := time.Now()
	var under sync.WaitGroup
	for _, e := range events {
		time.Sleep(time.Until(began.Add(e.at)))
		under.Go(func() { carryOut(e) })
	}
	time.Sleep(time.Until(began.Add(lasts)))
	under.Wait()
}

// round is one system and what happens to it.
type round struct {
	system string
	lasts  time.Duration
	events []event
}

// kind is a kind of fault: how often it is drawn, how long it lasts at most, and in which systems or rooms it applies.
type kind struct {
	name    string
	weight  int
	longest time.Duration
	in      []string
}

func kinds() []kind {
	all := []string{embedded, sharded, beside, apart, cluster}
	bolt := []string{embedded, sharded}
	redis := []string{beside, apart, cluster}
	single := []string{beside, apart}
	roles := []string{apart, cluster}
	return []kind{
		{"upstream hangs", 2, 20 * time.Second, all},
		{"upstream answers 503", 3, 20 * time.Second, all},
		{"upstream resets", 2, 15 * time.Second, all},
		{"upstream refuses", 2, 15 * time.Second, all},
		{"upstream limits", 1, 10 * time.Second, all},
		{"upstream lags", 3, 20 * time.Second, all},
		{"upstream answers errors as 200", 2, 10 * time.Second, all},
		{"process killed", 6, 5 * time.Second, all},
		{"process stopped", 1, 3 * time.Second, all},
		{"process hangs", 2, 6 * time.Second, all},
		{"catalog pushed", 4, 0, all},
		{"files of NATS removed", 1, 0, all},
		{"NATS rolled back", 1, 0, all},
		{"NATS away", 2, 8 * time.Second, roles},
		{"Redis flushed", 2, 0, redis},
		{"Redis hangs", 2, 8 * time.Second, redis},
		{"Redis away", 2, 8 * time.Second, redis},
		{"Redis rolled back", 3, 0, single},
		{"file of the store removed", 2, 0, bolt},
		{"file of the store rolled back", 3, 0, bolt},
	}
}

// plan draws a round from a seed.
func plan(seed uint64, number int, lasts time.Duration) round {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	systems := []string{beside, embedded, apart, cluster}
	r := round{system: systems[(int(seed%4)+number)%4], lasts: lasts}
	if r.system == embedded && number/4%2 == 0 { // every second time
		r.system = sharded
	}
	r.events = draw(random, kinds(), []string{r.system}, lasts, 3500*time.Millisecond, lasts)
	return r
}

// draw draws what happens somewhere in where: an event every gap, give or take 70% of it, for at most longest each.
func draw(random *rand.Rand, kinds []kind, where []string, lasts, gap, longest time.Duration) (events []event) {
	var drawn []kind
	for _, k := range kinds {
		k.in = slices.DeleteFunc(slices.Clone(k.in), func(in string) bool { return !slices.Contains(where, in) })
		if len(k.in) > 0 {
			drawn = append(drawn, slices.Repeat([]kind{k}, k.weight)...)
		}
	}
	for at := time.Second; at < lasts; at += gap*3/10 + time.Duration(random.Int64N(int64(gap*14/10))) {
		k := drawn[random.IntN(len(drawn))]
		e := event{at: at, fault: k.name, target: random.IntN(1 << 16), where: k.in[random.IntN(len(k.in))]}
		if k.longest > 0 {
			e.lasts = min(time.Second+time.Duration(random.Int64N(int64(k.longest))), max(lasts-at, time.Second), longest)
		}
		events = append(events, e)
	}
	return events
}
