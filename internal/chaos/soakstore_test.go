package chaos_test

import (
	"time"

	"vitrine/internal/redistest"
)

// hurtStore hurts the room's Redis. The caller sees to one fault at a time.
func (r *soakRoom) hurtStore(e event) {
	master := r.master(e.target)
	switch e.fault {
	case "Redis flushed":
		master.Flush()
	case "Redis full":
		master.Do("CONFIG", "SET", "maxmemory", 1)
		time.Sleep(e.lasts)
		master.Do("CONFIG", "SET", "maxmemory", 0)
	case "Redis hangs":
		master.Pause()
		time.Sleep(e.lasts)
		master.Resume()
	case "Redis away":
		master.Stop()
		time.Sleep(e.lasts)
		master.Start()
	case "Redis replica hangs":
		replica := r.replicaOf(master, e.target)
		replica.Pause()
		time.Sleep(e.lasts)
		replica.Resume()
	case "sentinel away":
		sentinel := r.watched.Sentinels[e.target%len(r.watched.Sentinels)]
		sentinel.Stop()
		time.Sleep(e.lasts)
		sentinel.Start()
	case "Redis failover loses writes":
		r.watched.Lag()
		time.Sleep(e.lasts)
		r.failOver(0)
	case "Redis master killed":
		r.failOver(e.lasts)
	case "Redis Cluster elects":
		r.replica.Elect()
	case "Redis Cluster resharded":
		from := 1 + e.target%2
		r.shards.Reshard(from, 3-from, 500)
	}
	if r.watched != nil {
		r.watched.Return() // sentinels elect no replica that has not found its master again since the fault before
	}
}

// master is the one of the room's masters that a fault hits. The first of a Cluster, which has a replica, has faults of its own.
func (r *soakRoom) master(target int) *redistest.Server {
	if r.watched != nil {
		return r.watched.Master()
	}
	return r.redis[target%len(r.redis)]
}

func (r *soakRoom) replicaOf(master *redistest.Server, target int) *redistest.Server {
	for i := range r.watched.Servers {
		if s := r.watched.Servers[(target+i)%len(r.watched.Servers)]; s != master {
			return s
		}
	}
	panic("a master without a replica")
}

// failOver kills the master, and lets some time go by after another one was elected.
func (r *soakRoom) failOver(away time.Duration) {
	r.watched.Kill()
	r.watched.Elected()
	time.Sleep(away)
}

// stopBackends stops the room's NATS and Redis.
func (r *soakRoom) stopBackends() {
	r.stopNATS()
	if r.brokers != nil {
		r.stopBrokers()
	}
	for _, s := range r.stores() {
		s.Stop()
	}
}

// stores are the servers of the room's Redis.
func (r *soakRoom) stores() []*redistest.Server {
	if r.watched != nil {
		return r.watched.Servers
	}
	return r.shards.Nodes[:]
}

func (r *soakRoom) stopBrokers() {
	for i := range r.brokers.Nodes {
		r.brokers.Stop(i)
	}
}

func (r *soakRoom) startBrokers() {
	for i := range r.brokers.Nodes {
		r.brokers.Start(i)
	}
	r.brokers.Await()
}

// startBackends starts them again, with the files that they had.
func (r *soakRoom) startBackends() {
	for _, s := range r.stores() {
		s.Start()
	}
	if r.watched != nil {
		r.watched.Return()
	}
	if r.brokers == nil {
		r.startNATS()
		return
	}
	r.startBrokers()
}

// hurtBrokers hurts the room's NATS. The caller sees to one fault at a time.
func (r *soakRoom) hurtBrokers(e event) {
	if r.brokers == nil {
		r.injector.hurtNATS(e)
		return
	}
	one := e.target % len(r.brokers.Nodes)
	switch e.fault {
	case "NATS leader away":
		one = max(0, r.brokers.Leader([]string{"CHANGES", "SYNC", "BLOBS", "KV_marks"}[e.target%4], ""))
		fallthrough
	case "NATS server away":
		r.brokers.Stop(one)
		time.Sleep(e.lasts)
		r.brokers.Start(one)
	case "NATS server loses its files":
		r.brokers.Lose(one)
		time.Sleep(e.lasts)
		r.brokers.Start(one)
	case "NATS server cut off":
		r.brokers.Break(one)
		time.Sleep(e.lasts)
		r.brokers.Heal(one)
	case "all of NATS away":
		r.stopBrokers()
		time.Sleep(e.lasts)
		r.startBrokers()
	}
	r.brokers.Await() // two servers away at once are another fault than one
}
