package chaos_test

import "time"

// The rooms of a soak.
const (
	east = "east" // a NATS cluster of three, a Redis with two replicas behind sentinels
	west = "west" // one NATS, a Redis Cluster of which one master has a replica
)

var roomNames = []string{east, west}

// soakKinds are the kinds of faults of a soak.
func soakKinds() []kind {
	inEast, inWest := []string{east}, []string{west}
	return []kind{
		{"upstream hangs", 1, 15 * time.Second, roomNames},
		{"upstream answers 503", 1, 15 * time.Second, roomNames},
		{"upstream resets", 1, 15 * time.Second, roomNames},
		{"upstream refuses", 1, 10 * time.Second, roomNames},
		{"upstream limits", 1, 10 * time.Second, roomNames},
		{"upstream lags", 2, 15 * time.Second, roomNames},
		{"upstream answers errors as 200", 1, 10 * time.Second, roomNames},
		{"room's upstreams away", 2, 30 * time.Second, roomNames},
		{"rooms cut off", 3, 40 * time.Second, roomNames},
		{"room lost", 1, 15 * time.Second, roomNames},

		{"process killed", 5, 5 * time.Second, roomNames},
		{"process stopped", 2, 3 * time.Second, roomNames},
		{"process loses its folder", 1, 3 * time.Second, roomNames},
		{"process gets an older folder", 2, 3 * time.Second, roomNames},
		{"process hangs", 3, 10 * time.Second, roomNames},
		{"process added", 3, 20 * time.Second, roomNames},

		{"catalog pushed", 2, 0, roomNames},
		{"switch pushed", 3, 0, roomNames},
		{"templates pushed", 2, 0, roomNames},

		{"Redis master killed", 3, 3 * time.Second, inEast},
		{"Redis failover loses writes", 2, 3 * time.Second, inEast},
		{"Redis replica hangs", 2, 20 * time.Second, inEast},
		{"sentinel away", 1, 10 * time.Second, inEast},
		{"Redis full", 2, 10 * time.Second, roomNames},
		{"Redis flushed", 1, 0, roomNames},
		{"Redis hangs", 1, 8 * time.Second, roomNames},
		{"Redis away", 1, 8 * time.Second, roomNames},
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
