package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vitrine/internal/bus"
)

// checkReplicas says how many servers of NATS hold each stream, and which of them are away or lag.
func (x *checkRun) checkReplicas(ctx context.Context, conn *bus.Conn) {
	all, err := conn.Health(ctx)
	if err != nil {
		x.report("replicas", "", fmt.Errorf("%w; the servers that hold it may be away: nats stream report", err))
		return
	}
	by, away, lagging := map[int][]string{}, map[string][]string{}, map[string][]string{}
	clustered := false
	for _, h := range all {
		by[h.Replicas] = append(by[h.Replicas], h.Stream)
		clustered = clustered || h.Cluster != ""
		for _, server := range h.Away {
			away[server] = append(away[server], h.Stream)
		}
		for _, server := range h.Lagging {
			lagging[server] = append(lagging[server], h.Stream)
		}
	}
	for _, server := range slices.Sorted(maps.Keys(away)) {
		x.warn("replicas", fmt.Sprintf("the server %s is away, which has a replica of %s; start it again, or remove it for good: nats server cluster peer-remove", server, these(away[server], len(all))))
	}
	for _, server := range slices.Sorted(maps.Keys(lagging)) {
		x.warn("replicas", fmt.Sprintf("the server %s is behind in %s; a stream whose other servers go away stands still until they are back", server, these(lagging[server], len(all))))
	}
	for _, n := range slices.Sorted(maps.Keys(by)) {
		text := fmt.Sprintf("%d: %s", n, strings.Join(by[n], " "))
		switch {
		case n > 1:
			x.report("replicas", text+": one server in three may be away", nil)
		case clustered:
			x.warn("replicas", text+": while its only server is away, each of these stands still, and a lost disk loses it. A worker "+
				"gives them three once the cluster has three servers with JetStream, unless --nats-replicas says otherwise")
		default:
			x.report("replicas", text+": NATS is one server", nil)
		}
	}
}

// these names streams, unless they are all.
func these(streams []string, all int) string {
	if len(streams) == all {
		return "every stream"
	}
	return strings.Join(streams, " ")
}
