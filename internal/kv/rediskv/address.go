package rediskv

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// address is a parsed Config.URL.
type address struct {
	options  *redis.Options // of the first node; of the master that sentinels watch
	nodes    []string       // host:port of every node named, or of every sentinel
	cluster  bool           // declared by the URL
	sentinel watch          // zero without sentinels
}

// watch is what sentinels are asked for.
type watch struct {
	master         string // the name by which they know the master
	user, password string // of the sentinels
}

const (
	sentinelSuffix = "+sentinel"
	sentinelPort   = "26379"
)

// masterName is what a sentinel accepts as a name.
var masterName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// parse parses the URL. Its errors never contain the password.
func (c Config) parse() (address, error) {
	scheme, rest, ok := strings.Cut(c.URL, "://")
	scheme, watched := strings.CutSuffix(scheme, sentinelSuffix)
	if !ok || scheme != "redis" && scheme != "rediss" {
		return address{}, errors.New("the Redis URL is not redis://host:port, rediss://host:port or redis+sentinel://host:port/name")
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
		tail = rest[i:]
	}
	at := strings.LastIndexByte(authority, '@') + 1
	path, parameters, err := splitTail(tail)
	if err != nil {
		return address{}, err
	}
	hosts := strings.Split(authority[at:], ",")
	var a address
	if watched {
		path, err = a.cutMaster(path, parameters)
	} else {
		err = a.cutCluster(parameters, len(hosts))
	}
	if err != nil {
		return address{}, err
	}
	if len(parameters) > 0 {
		path += "?" + parameters.Encode()
	}
	for _, host := range hosts {
		o, err := redis.ParseURL(scheme + "://" + authority[:at] + host + path)
		if err != nil || host == "" {
			return address{}, fmt.Errorf("the Redis URL of host %q can't be read: %w", host, withoutURL(err))
		}
		if watched && portless(host) {
			o.Addr = net.JoinHostPort(strings.Trim(host, "[]"), sentinelPort)
		}
		a.nodes = append(a.nodes, o.Addr)
		a.options = cmp.Or(a.options, o)
	}
	if a.cluster && a.options.DB != 0 {
		return address{}, fmt.Errorf("the Redis URL names database %d; a Cluster has only 0", a.options.DB)
	}
	if watched && a.options.TLSConfig != nil {
		a.options.TLSConfig.ServerName = "" // each sentinel, and whoever is the master, is verified by its own name
	}
	c.tune(a.options)
	return a, nil
}

// splitTail splits what follows the hosts of a URL.
func splitTail(tail string) (path string, parameters url.Values, err error) {
	path, query, _ := strings.Cut(tail, "?")
	parameters, err = url.ParseQuery(query)
	if err != nil {
		return "", nil, errors.New("the Redis URL's query can't be read")
	}
	return path, parameters, nil
}

// cutCluster removes ?cluster= from the parameters, since go-redis refuses unknown ones.
func (a *address) cutCluster(parameters url.Values, hosts int) (err error) {
	a.cluster = hosts > 1
	if v := parameters.Get("cluster"); v != "" {
		declared, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("the Redis URL has cluster=%q, which is neither true nor false", v)
		}
		a.cluster = a.cluster || declared
	}
	parameters.Del("cluster")
	return nil
}

// cutMaster removes the name of the master from the path, and what is for the sentinels from the parameters. What is
// left is the path of the master's URL: /db.
func (a *address) cutMaster(path string, parameters url.Values) (rest string, err error) {
	name, db, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !masterName.MatchString(name) {
		return "", fmt.Errorf("the Redis URL of sentinels ends with the name of their master, redis+sentinel://host:%s/NAME, and %q is none", sentinelPort, name)
	}
	a.sentinel = watch{master: name, user: parameters.Get("sentinel_user"), password: parameters.Get("sentinel_password")}
	if a.sentinel.user != "" && a.sentinel.password == "" {
		return "", errors.New("the Redis URL has a sentinel_user, and no sentinel_password")
	}
	parameters.Del("sentinel_user")
	parameters.Del("sentinel_password")
	if db == "" {
		return "", nil
	}
	return "/" + db, nil
}

// portless reports whether a host has no port.
func portless(host string) bool {
	_, port, err := net.SplitHostPort(host)
	return err != nil || port == ""
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
