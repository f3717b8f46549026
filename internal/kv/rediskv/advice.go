package rediskv

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// nearlyFull is the share of its memory from which on a server is reported.
const nearlyFull = 0.9

// Advise lists what is probably not intended of servers that pass Check: little memory left, no limit to it, nothing
// kept on disk, and nobody to take over. It also names sentinels and replicas that are gone.
func (s *Store) Advise(ctx context.Context) (advice []string, err error) {
	err = s.eachMaster(ctx, func(ctx context.Context, n node, cluster bool) error {
		info, err := s.info(ctx, n)
		if err != nil || info == nil {
			return err
		}
		for _, text := range s.advise(ctx, n, info, cluster) {
			advice = append(advice, n.addr+" "+text)
		}
		return nil
	})
	return append(advice, s.adviseSentinels(ctx)...), s.fail("look at the configuration", err)
}

func (s *Store) advise(ctx context.Context, n node, info map[string]string, cluster bool) (advice []string) {
	if s.replicas {
		return s.adviseReplica(ctx, n, info)
	}
	memory := memoryOf(info)
	switch {
	case memory.limit == 0:
		advice = append(advice, "has no maxmemory: it grows until the system ends it; set it below what the machine has")
	case memory.share() >= nearlyFull && info["maxmemory_policy"] == noEviction:
		advice = append(advice, fmt.Sprintf("is nearly full (%s); once it is, every write is refused", memory))
	}
	if text := s.persistence(ctx, n, info); text != "" {
		advice = append(advice, text)
	}
	if text := clockOff(ctx, n); text != "" {
		advice = append(advice, text)
	}
	if info["connected_slaves"] == "0" && (cluster || s.address.sentinel.master != "") {
		advice = append(advice, "has no replica that could take over")
	}
	return advice
}

// adviseReplica looks at a server that is only read from.
func (s *Store) adviseReplica(ctx context.Context, n node, info map[string]string) []string {
	if info["role"] != "slave" {
		return nil
	}
	stale, err := n.ConfigGet(ctx, serveStale).Result()
	if err == nil && stale[serveStale] == "yes" {
		return []string{"answers by what it has when it has lost its master, however old that is; set " + serveStale + " no: the master is asked then, or this server's own file"}
	}
	return nil
}

const serveStale = "replica-serve-stale-data"

// persistence says what a server loses with its process; "" if that is little, or may be lost.
func (s *Store) persistence(ctx context.Context, n node, info map[string]string) string {
	if s.mayEvict || info["aof_enabled"] != "0" {
		return ""
	}
	saves, err := n.ConfigGet(ctx, "save").Result()
	switch {
	case err == nil && saves["save"] == "":
		return "keeps nothing on disk: once it restarts it is empty, so are then its replicas, and everything is fetched from the upstreams again; set appendonly yes"
	case info["rdb_last_bgsave_status"] == "err":
		return "could not write its last snapshot, and has no append-only file: is its disk full? Unless stop-writes-on-bgsave-error is no, it refuses every write"
	}
	return "keeps snapshots alone: a crash loses what came since the last one, which is then fetched from the upstreams again; set appendonly yes"
}

// clockOff compares a server's clock with this machine's.
func clockOff(ctx context.Context, n node) string {
	asked := time.Now()
	is, err := n.Time(ctx).Result()
	if err != nil || !is.Before(asked.Add(-clockMost)) && !is.After(time.Now().Add(clockMost)) {
		return ""
	}
	return fmt.Sprintf("has a clock that is %s off this machine's; where servers take over from each other, clocks must agree: use NTP", is.Sub(asked).Round(time.Second))
}

// clockMost is by how much clocks may differ.
const clockMost = time.Second

// memory is how much a server uses, and how much it may.
type memory struct{ used, limit int64 }

func memoryOf(info map[string]string) memory {
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	return memory{used: number("used_memory") - number("mem_not_counted_for_evict"), limit: number("maxmemory")}
}

func (m memory) share() float64 { return float64(m.used) / float64(max(m.limit, 1)) }

// full reports whether there is a limit, and it is reached.
func (m memory) full() bool { return m.limit > 0 && m.used > m.limit }

func (m memory) String() string {
	return fmt.Sprintf("%.1f of %.1f MB", float64(m.used)/1e6, float64(m.limit)/1e6)
}
