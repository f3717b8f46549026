package doctor

import (
	"context"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/lineage"
	"vitrine/internal/node"
)

// checkStores checks each Redis once, whatever it is for. conn is nil where NATS can't be asked.
func (x *checkRun) checkStores(ctx context.Context, conn *bus.Conn) {
	if x.Records == "" {
		x.report("redis", "none given: fine for vitrine up, which keeps all in bbolt; roles of a room need --redis", nil)
		return
	}
	newest := newestTerm(ctx, conn)
	x.checkRedis(ctx, "records", rediskv.Config{URL: x.Records, Term: func(context.Context) (uint64, error) { return newest, nil }})
	if x.Blobs != x.Records {
		x.checkRedis(ctx, "blobs", rediskv.Config{URL: x.Blobs})
	}
	if x.Replica != "" {
		x.checkRedis(ctx, "blobs.read", rediskv.Config{URL: x.Replica, Replicas: true})
	}
}

// checkRedis reports whether a Redis can be what it is for, and warns of what is probably not intended.
func (x *checkRun) checkRedis(ctx context.Context, what string, c rediskv.Config) {
	c.Log = x.Log
	s, err := rediskv.Open(ctx, c)
	if err != nil {
		x.report(what, "", err)
		return
	}
	defer s.Close()
	err = s.Check(ctx)
	x.report(what, c.URL+" is as it should be", err)
	if err != nil {
		return
	}
	advice, err := s.Advise(ctx)
	if err != nil {
		x.report(what, "", err)
	}
	for _, text := range advice {
		x.warn(what, text)
	}
}

// newestTerm is the term below which a server is an old master; 0 where that is not known.
func newestTerm(ctx context.Context, conn *bus.Conn) uint64 {
	if conn == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, termTime)
	defer cancel()
	term, err := lineage.NewTerm(conn.Bucket(node.MarksBucket)).Newest(ctx)
	if err != nil {
		return 0 // a login may not ask for it
	}
	return term
}

// termTime is how long NATS may take to tell the term.
const termTime = 2 * time.Second
