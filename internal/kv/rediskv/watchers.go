package rediskv

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// adviseSentinels says which sentinels, and which of the servers that they watch, are gone: the store goes on, and the next loss may stop it.
func (s *Store) adviseSentinels(ctx context.Context) (advice []string) {
	master := s.address.sentinel.master
	if master == "" {
		return nil
	}
	down := map[string]bool{}
	for _, addr := range s.address.nodes {
		c := redis.NewSentinelClient(s.address.sentinelOptions(addr))
		defer c.Close()
		if err := c.CkQuorum(ctx, master).Err(); err != nil && !forbidden(err) {
			advice = append(advice, fmt.Sprintf("the sentinel %s does not answer, or says that nobody could be elected: %v; start what is gone again", addr, err))
		}
		replicas, _ := c.Replicas(ctx, master).Result() // one that does not answer was just named
		for _, r := range replicas {
			down[net.JoinHostPort(r["ip"], r["port"])] = strings.Contains(r["flags"], "down")
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(down)) {
		if down[addr] {
			advice = append(advice, fmt.Sprintf("the replica %s of %s is gone: start it again, or have each sentinel forget it: SENTINEL RESET %s", addr, master, master))
		}
	}
	return advice
}

// sentinelOptions are those of a client that asks one sentinel.
func (a address) sentinelOptions(addr string) *redis.Options {
	o := a.options
	return &redis.Options{
		Addr: addr, Username: a.sentinel.user, Password: a.sentinel.password, TLSConfig: o.TLSConfig,
		ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries, MaxRetries: -1,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolSize: 1, MaintNotificationsConfig: o.MaintNotificationsConfig,
	}
}
