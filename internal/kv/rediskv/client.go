package rediskv

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
)

// client makes the client of an address, which connects at first use.
func (a address) client(replicas bool) redis.UniversalClient {
	switch {
	case a.cluster:
		return a.clusterClient(replicas)
	case a.sentinel.master != "":
		return redis.NewFailoverClient(a.failoverOptions(replicas))
	}
	return redis.NewClient(a.options)
}

// clusterClient makes a client for several nodes. The topology is reloaded every 2 s, so that errors after a failover
// end soon. With replicas, each read goes to one of its slot. RouteByLatency would choose the nearest, and has a data race (9.23).
func (a address) clusterClient(replicas bool) *redis.ClusterClient {
	o := a.options
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: a.nodes, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout, PoolSize: o.PoolSize,
		ReadOnly:                   replicas,
		ClusterStateReloadInterval: 2 * time.Second,
		MaintNotificationsConfig:   o.MaintNotificationsConfig,
	})
}

// failoverOptions are those of a client that asks sentinels, before each new connection, who the master is, and that
// closes its connections when a sentinel announces another one.
func (a address) failoverOptions(replicas bool) *redis.FailoverOptions {
	o := a.options
	f := &redis.FailoverOptions{
		MasterName: a.sentinel.master, SentinelAddrs: a.nodes, SentinelUsername: a.sentinel.user, SentinelPassword: a.sentinel.password,
		Username: o.Username, Password: o.Password, DB: o.DB, Protocol: o.Protocol, TLSConfig: o.TLSConfig,
		ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries, MaxRetries: o.MaxRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout, PoolSize: o.PoolSize,
		ReplicaOnly: replicas,
		Dialer:      newSentinelDialer(a.nodes, o).Dial,
	}
	if !replicas {
		f.OnConnect = requireMaster
	}
	return f
}

// requireMaster refuses a connection to a server that is a master no longer: a sentinel may not know it yet. Who may not
// ask for the role is let through; such a server refuses writes itself.
func requireMaster(ctx context.Context, c *redis.Conn) error {
	answer, err := c.Do(ctx, "ROLE").Slice()
	if err != nil && !forbidden(err) {
		return err
	}
	if len(answer) > 0 && answer[0] == "slave" { // sentinels answer too: the client connects to them by the same options
		return fmt.Errorf("%w: whom the sentinels name is no master: a failover is under way", item.ErrUnavailable)
	}
	return nil
}
