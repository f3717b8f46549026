package rediskv

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
)

var (
	_ kv.Records = (*Store)(nil)
	_ kv.Blobs   = (*Store)(nil)
)

// Store is a records store, a blobs store, or both, in Redis. It is safe for concurrent use.
type Store struct {
	log      *slog.Logger
	timeout  time.Duration
	mayEvict bool
	replicas bool
	term     func(ctx context.Context) (uint64, error) // nil for none
	address  address
	scripts  scripts
	codec    kv.Codec
	reads    *pace
	writes   *pace
	nodes    nodes
	damage   damage
	refused  atomic.Bool // an old master has refused the last that was tried

	mu      sync.Mutex // guards the fields below
	client  redis.UniversalClient
	decided bool // whether the type of client is known to be right
}

// damage counts the values that can't be read.
type damage struct {
	count  atomic.Int64
	logged atomic.Int64 // when it was last logged, unix ns
}

// Open parses the configuration. It connects at first use, so it succeeds while Redis is away, and fails only on a bad
// Config. The context bounds nothing that outlives the call.
func Open(_ context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	a, err := c.parse()
	if err != nil {
		return nil, err
	}
	logClient(c.Log)
	s := &Store{log: c.Log, timeout: c.Timeout, mayEvict: c.MayEvict, replicas: c.Replicas, term: c.Term, address: a,
		scripts: newScripts(), reads: newPace(), writes: newPace(),
		client: a.client(c.Replicas), decided: a.cluster || a.sentinel.master != ""}
	return s, nil
}

// Close ends the connections.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close Redis %s: %w", s.name(), err)
	}
	return nil
}

// name is the store in error messages: its nodes, never its password.
func (s *Store) name() string {
	nodes := strings.Join(s.address.nodes, ",")
	if s.address.sentinel.master != "" {
		return s.address.sentinel.master + " of the sentinels " + nodes
	}
	return nodes
}

// begin gives an operation its deadline and its client.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, redis.UniversalClient, error) {
	ctx, cancel := s.within(ctx)
	client, err := s.connect(ctx)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, cancel, client, nil
}

// connect finds out once whether the single node belongs to a Cluster. It asks outside the lock, so that a hung server
// delays each caller by its own deadline only.
func (s *Store) connect(ctx context.Context) (redis.UniversalClient, error) {
	s.mu.Lock()
	client, decided := s.client, s.decided
	s.mu.Unlock()
	if decided {
		return client, ctx.Err()
	}
	info, err := client.Info(ctx, "cluster").Result()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.decided: // by another caller, who may have closed the client while this one was asking
		return s.client, ctx.Err()
	case err != nil && !forbidden(err):
		return nil, err
	}
	s.decided = true
	if strings.Contains(info, "cluster_enabled:1") {
		defer client.Close()
		s.client = s.address.clusterClient(s.replicas)
	}
	return s.client, nil
}

// clustered reports whether one command must not have keys of several slots.
func clustered(c redis.UniversalClient) bool {
	_, ok := c.(*redis.ClusterClient)
	return ok
}
