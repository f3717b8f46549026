package rediskv

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// Check reports, by an error, a master that can't hold this store. Each must be Redis 6.2 or newer, not be loading its
// file, and have maxmemory-policy noeviction unless the Config says MayEvict; a Cluster must cover all slots. Each
// error says what to change. If INFO is forbidden, Check logs a warning and passes.
func (s *Store) Check(ctx context.Context) error {
	return s.fail("check", s.eachMaster(ctx, s.checkNode))
}

func (s *Store) checkNode(ctx context.Context, n node, cluster bool) error {
	text, err := n.Info(ctx).Result()
	if err != nil && forbidden(err) {
		s.log.Warn("INFO is forbidden: version and maxmemory-policy were not checked", "node", n.addr)
		return nil
	}
	if err != nil {
		return err
	}
	info := fields(text)
	policy := info["maxmemory_policy"]
	switch {
	case info["loading"] == "1":
		return fmt.Errorf("%w: it is still loading its data", item.ErrUnavailable)
	case !recent(info["redis_version"]):
		return fmt.Errorf("%w: version %q is too old; 6.2 or newer is needed", item.ErrRefused, info["redis_version"])
	case policy == "":
		s.log.Warn("maxmemory-policy is not known and was not checked", "node", n.addr)
	case policy != "noeviction" && !s.mayEvict:
		return fmt.Errorf("%w: maxmemory-policy is %s, and an evicted record lets an old one return: CONFIG SET maxmemory-policy noeviction", item.ErrRefused, policy)
	}
	if !cluster {
		return nil
	}
	return checkCluster(ctx, n)
}

func checkCluster(ctx context.Context, n node) error {
	text, err := n.ClusterInfo(ctx).Result()
	if err != nil && !forbidden(err) {
		return err
	}
	if state := fields(text)["cluster_state"]; err == nil && state != "ok" {
		return fmt.Errorf("%w: the Cluster's state is %q; see CLUSTER INFO", item.ErrUnavailable, state)
	}
	return nil
}

// fields parses the lines name:value of INFO.
func fields(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[name] = value
		}
	}
	return m
}

// recent reports whether a version is at least 6.2.
func recent(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (a > 6 || a == 6 && b >= 2)
}
