package rediskv

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config says where Redis is and how long to wait for it.
type Config struct {
	// URL is redis://[user:password@]host:port[/db], or rediss:// for TLS. Several nodes of one Cluster are a list,
	// redis://h1:6379,h2:6379. A single node of a Cluster is recognised at first use; ?cluster=true declares it.
	// redis+sentinel://[user:password@]h1:26379,h2:26379/NAME[/db] names the sentinels of a master; the login is that of
	// the master, and ?sentinel_user=U&sentinel_password=P that of the sentinels. rediss+sentinel:// has TLS for both.
	URL string
	// Log receives what is unusual but no error. Required.
	Log *slog.Logger
	// Timeout bounds an operation whose context has no deadline. Defaults to 1 s.
	Timeout time.Duration
	// DialTimeout bounds one attempt to connect. Defaults to half of Timeout.
	DialTimeout time.Duration
	// PoolSize is the greatest number of connections per node. Defaults to 16.
	PoolSize int
	// MayEvict is set for a store of blobs alone: Check then accepts any maxmemory-policy.
	MayEvict bool
	// Replicas is set for a store that is only read, by whoever bears that it lags: a server that is a replica passes
	// Check, and of a Cluster, or of what sentinels watch, replicas are read where there are any.
	Replicas bool
	// Term gives the newest term of the store: a server that has a lower one was replaced by another master, and what is
	// put there, or read of states, fails with item.ErrUnavailable. In a Cluster there are no terms. Defaults to no check.
	Term func(ctx context.Context) (uint64, error)
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, time.Second)
	c.DialTimeout = cmp.Or(c.DialTimeout, c.Timeout/2)
	c.PoolSize = cmp.Or(c.PoolSize, 16)
	return c
}

func (c Config) validate() error {
	switch {
	case c.Log == nil:
		return errors.New("rediskv: Log is missing")
	case c.Timeout < 0 || c.DialTimeout < 0 || c.PoolSize < 0:
		return errors.New("rediskv: Timeout, DialTimeout and PoolSize can't be negative")
	}
	return nil
}

// tune replaces go-redis's slow defaults. Socket time-outs are a little shorter than the context's, so that the error
// says what Redis did, and the connection is not left with half an answer.
func (c Config) tune(o *redis.Options) {
	o.ContextTimeoutEnabled = true
	o.DialTimeout = c.DialTimeout
	o.DialerRetries = 1
	o.ReadTimeout = c.Timeout * 9 / 10
	o.WriteTimeout = c.Timeout * 9 / 10
	o.PoolTimeout = c.Timeout * 9 / 10
	o.PoolSize = c.PoolSize
	o.MaxRetries = 2
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
