package rediskv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
)

// noSentinel reports whether the client found no sentinel that names a master. go-redis has no type for that error,
// which wraps what each sentinel answered, and so could be taken for an answer of Redis.
func noSentinel(err error) bool {
	return err != nil && strings.Contains(err.Error(), "all sentinels specified in configuration are unreachable")
}

// explain says why no sentinel named a master.
func (a address) explain(err error) error {
	nodes, text := strings.Join(a.nodes, ","), err.Error()
	switch {
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"), strings.Contains(text, "ERR AUTH"):
		return fmt.Errorf("%w: the sentinels %s refuse the login: see sentinel_user and sentinel_password at the end of the URL", item.ErrUnavailable, nodes)
	case strings.Contains(text, "unknown command"):
		return fmt.Errorf("%w: %s is no sentinel but a Redis: its address is redis://%s", item.ErrUnavailable, nodes, nodes)
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%w: no sentinel of %s knows a master of the name %q; redis-cli -p %s SENTINEL MASTERS names them", item.ErrUnavailable, nodes, a.sentinel.master, sentinelPort)
	}
	return fmt.Errorf("%w: none of the sentinels %s answers: %w", item.ErrUnavailable, nodes, err)
}

// watchedBy names the masters of a sentinel that was given in their place.
func watchedBy(ctx context.Context, n node) error {
	names := "NAME"
	if masters, err := n.Do(ctx, "SENTINEL", "MASTERS").Slice(); err == nil && len(masters) > 0 {
		if name := masterOf(masters[0]); name != "" {
			names = name
		}
	}
	return fmt.Errorf("%w: it is a sentinel: the address of its masters is redis+sentinel://%s/%s, better with every sentinel's host", item.ErrRefused, n.addr, names)
}

// masterOf is the name in one answer of SENTINEL MASTERS: a map, or a list of names and values.
func masterOf(master any) string {
	switch m := master.(type) {
	case map[any]any:
		name, _ := m["name"].(string)
		return name
	case []any:
		if len(m) > 1 && m[0] == "name" {
			name, _ := m[1].(string)
			return name
		}
	}
	return ""
}
