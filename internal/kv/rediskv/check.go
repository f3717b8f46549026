package rediskv

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// Check reports, by an error, a master that can't hold this store. Each must be Redis 6.2 or newer, a master and no
// sentinel, not be loading its file, take writes (for want of replicas, too), be no old master as far as Term tells, and have maxmemory-policy noeviction unless the Config says MayEvict;
// a Cluster must cover all slots. Each error says what to change. If INFO is forbidden, Check logs a warning and passes.
func (s *Store) Check(ctx context.Context) error {
	return s.fail("check", s.eachMaster(ctx, s.checkNode))
}

func (s *Store) checkNode(ctx context.Context, n node, cluster bool) error {
	info, err := s.info(ctx, n)
	if err != nil || info == nil {
		return err
	}
	if info["redis_mode"] == "sentinel" {
		return watchedBy(ctx, n)
	}
	if err := s.fit(info, n); err != nil {
		return err
	}
	if s.replicas {
		return checkLink(info)
	}
	if err := takesWrites(info); err != nil {
		return err
	}
	if err := s.checkTerm(ctx, n, cluster); err != nil {
		return err
	}
	if err := hasReplicas(ctx, n, info); err != nil || !cluster {
		return err
	}
	return checkCluster(ctx, n)
}

// info reads a node's INFO; nil if that is forbidden.
func (s *Store) info(ctx context.Context, n node) (map[string]string, error) {
	text, err := n.Info(ctx).Result()
	if err != nil && forbidden(err) {
		s.log.Warn("INFO is forbidden: version, role and maxmemory-policy were not checked", "node", n.addr)
		return nil, nil
	}
	return fields(text), err
}

// fit checks what a restart of Redis, or its configuration, decides.
func (s *Store) fit(info map[string]string, n node) error {
	policy := info["maxmemory_policy"]
	switch {
	case info["loading"] == "1":
		return fmt.Errorf("%w: it is still loading its data", item.ErrUnavailable)
	case !recent(info["redis_version"]):
		return fmt.Errorf("%w: version %q is too old; 6.2 or newer is needed", item.ErrRefused, info["redis_version"])
	case policy == "":
		s.log.Warn("maxmemory-policy is not known and was not checked", "node", n.addr)
	case policy != noEviction && !s.mayEvict && !s.replicas:
		return fmt.Errorf("%w: maxmemory-policy is %s, and an evicted record lets an old one return: CONFIG SET maxmemory-policy noeviction", item.ErrRefused, policy)
	}
	return nil
}

const noEviction = "noeviction"

// takesWrites checks what lets a server that is well configured refuse writes.
func takesWrites(info map[string]string) error {
	memory := memoryOf(info)
	switch {
	case info["role"] == "slave":
		return fmt.Errorf("%w: it is a replica of %s:%s and takes no writes: give the address of its master, or redis+sentinel://HOST:%s/NAME, which follows a failover",
			item.ErrUnavailable, info["master_host"], info["master_port"], sentinelPort)
	case memory.full():
		return fmt.Errorf("%w: it is full (%s), and with maxmemory-policy noeviction refuses every write: changes wait, and pages are served as they are, until there is more: CONFIG SET maxmemory",
			item.ErrUnavailable, memory)
	case info["aof_last_write_status"] == "err":
		return fmt.Errorf("%w: it can't write its append-only file, and refuses every write meanwhile: is its disk full?", item.ErrUnavailable)
	}
	return nil
}

// hasReplicas checks that a master has as many replicas as it must have to take writes, if there is such a rule.
func hasReplicas(ctx context.Context, n node, info map[string]string) error {
	good, ok := info["min_slaves_good_slaves"]
	if !ok {
		return nil
	}
	need := "1" // at least, where CONFIG is forbidden
	if set, err := n.ConfigGet(ctx, minReplicas).Result(); err == nil && set[minReplicas] != "" {
		need = set[minReplicas]
	}
	has, err1 := strconv.Atoi(good)
	must, err2 := strconv.Atoi(need)
	if err1 != nil || err2 != nil || has >= must {
		return nil
	}
	return fmt.Errorf("%w: it has %d of the %d replicas without which it refuses every write: changes wait, and pages are served as they are, until a replica is back, or CONFIG SET %s %d",
		item.ErrUnavailable, has, must, minReplicas, has)
}

const minReplicas = "min-replicas-to-write"

// checkLink checks that a server from which is only read has what its master has. A master has.
func checkLink(info map[string]string) error {
	if info["role"] == "slave" && info["master_link_status"] != "up" {
		return fmt.Errorf("%w: this replica has had no link to its master %s:%s for %s s: what it has is older",
			item.ErrUnavailable, info["master_host"], info["master_port"], info["master_link_down_since_seconds"])
	}
	return nil
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
