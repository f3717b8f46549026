package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The rooms of a soak.
const (
	east = iota // a NATS cluster of three, a Redis with two replicas behind sentinels
	west        // one NATS, a Redis Cluster of which one master has a replica
)

var roomNames = []string{"east", "west"}

// soakEvent is an event in one of the rooms.
type soakEvent struct {
	event
	room int
}

func (e soakEvent) String() string { return fmt.Sprintf("%s in %s", e.event, roomNames[e.room]) }

// soakKind is a kind of fault: how often it is drawn, how long it lasts at most, and in which rooms it applies.
type soakKind struct {
	name    string
	weight  int
	longest time.Duration
	rooms   []int
}

func soakKinds() []soakKind {
	both, inEast, inWest := []int{east, west}, []int{east}, []int{west}
	return []soakKind{
		{"upstream hangs", 1, 15 * time.Second, both},
		{"upstream answers 503", 1, 15 * time.Second, both},
		{"upstream resets", 1, 15 * time.Second, both},
		{"upstream refuses", 1, 10 * time.Second, both},
		{"upstream limits", 1, 10 * time.Second, both},
		{"upstream lags", 2, 15 * time.Second, both},
		{"upstream answers errors as 200", 1, 10 * time.Second, both},
		{"room's upstreams away", 2, 30 * time.Second, both},
		{"rooms cut off", 3, 40 * time.Second, both},
		{"room lost", 1, 15 * time.Second, both},

		{"process killed", 5, 5 * time.Second, both},
		{"process stopped", 2, 3 * time.Second, both},
		{"process hangs", 3, 10 * time.Second, both},
		{"process added", 3, 20 * time.Second, both},

		{"catalog pushed", 2, 0, both},
		{"switch pushed", 3, 0, both},
		{"templates pushed", 2, 0, both},

		{"Redis master killed", 3, 3 * time.Second, inEast},
		{"Redis failover loses writes", 2, 3 * time.Second, inEast},
		{"Redis replica hangs", 2, 20 * time.Second, inEast},
		{"sentinel away", 1, 10 * time.Second, inEast},
		{"Redis full", 2, 10 * time.Second, both},
		{"Redis flushed", 1, 0, both},
		{"Redis hangs", 1, 8 * time.Second, both},
		{"Redis away", 1, 8 * time.Second, both},
		{"Redis Cluster elects", 3, 0, inWest},
		{"Redis Cluster resharded", 1, 0, inWest},

		{"NATS server away", 3, 10 * time.Second, inEast},
		{"NATS server cut off", 3, 15 * time.Second, inEast},
		{"NATS leader away", 3, 10 * time.Second, inEast},
		{"NATS server loses its files", 1, 3 * time.Second, inEast},
		{"all of NATS away", 1, 5 * time.Second, inEast},
		{"NATS away", 2, 8 * time.Second, inWest},
		{"files of NATS removed", 1, 0, inWest},
		{"NATS rolled back", 1, 0, inWest},
	}
}

// soakPlan draws the events of a soak from a seed: one every gap, give or take 70% of it, for at most longest each.
func soakPlan(seed uint64, lasts, gap, longest time.Duration) (events []soakEvent) {
	random := rand.New(rand.NewPCG(seed, 1<<32))
	var drawn []soakKind
	for _, k := range soakKinds() {
		drawn = append(drawn, slices.Repeat([]soakKind{k}, k.weight)...)
	}
	for at := time.Second; at < lasts; at += gap*3/10 + time.Duration(random.Int64N(int64(gap*14/10))) {
		k := drawn[random.IntN(len(drawn))]
		e := soakEvent{event{at: at, fault: k.name, target: random.IntN(1 << 16)}, k.rooms[random.IntN(len(k.rooms))]}
		if k.longest > 0 {
			e.lasts = min(time.Second+time.Duration(random.Int64N(int64(k.longest))), max(lasts-at, time.Second), longest)
		}
		events = append(events, e)
	}
	return events
}
