package rediskv

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config says where Redis is and how long to wait for it.
type Config struct {
	// URL is redis://[user:password@]host:port[/db], or rediss:// for TLS. Several nodes of one Cluster are a list,
	// redis://h1:6379,h2:6379. A single node of a Cluster is recognised at first use; ?cluster=true declares it.
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

// address is a parsed Config.URL.
type address struct {
	options *redis.Options // of the first node
	nodes   []string       // host:port of every node named
	cluster bool           // declared by the URL
}

// parse parses the URL. Its errors never contain the password.
func (c Config) parse() (address, error) {
	scheme, rest, ok := strings.Cut(c.URL, "://")
	if !ok || scheme != "redis" && scheme != "rediss" {
		return address{}, errors.New("the Redis URL is not redis://host:port or rediss://host:port")
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
		tail = rest[i:]
	}
	at := strings.LastIndexByte(authority, '@') + 1
	hosts := strings.Split(authority[at:], ",")
	tail, cluster, err := cutCluster(tail)
	if err != nil {
		return address{}, err
	}
	a := address{cluster: cluster || len(hosts) > 1}
	for _, host := range hosts {
		o, err := redis.ParseURL(scheme + "://" + authority[:at] + host + tail)
		if err != nil || host == "" {
			return address{}, fmt.Errorf("the Redis URL of host %q can't be read: %w", host, withoutURL(err))
		}
		a.nodes = append(a.nodes, o.Addr)
		a.options = cmp.Or(a.options, o)
	}
	if a.cluster && a.options.DB != 0 {
		return address{}, fmt.Errorf("the Redis URL names database %d; a Cluster has only 0", a.options.DB)
	}
	c.tune(a.options)
	return a, nil
}

// cutCluster removes ?cluster= from a URL's query, since go-redis refuses unknown parameters.
func cutCluster(tail string) (rest string, cluster bool, err error) {
	path, query, _ := strings.Cut(tail, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false, errors.New("the Redis URL's query can't be read")
	}
	if v := values.Get("cluster"); v != "" {
		cluster, err = strconv.ParseBool(v)
		if err != nil {
			return "", false, fmt.Errorf("the Redis URL has cluster=%q, which is neither true nor false", v)
		}
	}
	values.Del("cluster")
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return path, cluster, nil
}

// withoutURL drops the URL that url.Error repeats, since it may contain a password.
func withoutURL(err error) error {
	var bad *url.Error
	switch {
	case err == nil:
		return errors.New("it has no host")
	case errors.As(err, &bad):
		return errors.New("it is no URL")
	}
	return err
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

// clusterOptions are o's options for several nodes. The topology is reloaded every 2 s, so that errors after a failover
// end soon.
func clusterOptions(nodes []string, o *redis.Options) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: nodes, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout, PoolSize: o.PoolSize,
		ClusterStateReloadInterval: 2 * time.Second,
		MaintNotificationsConfig:   o.MaintNotificationsConfig,
	}
}
