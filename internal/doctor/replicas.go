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
	by := map[int][]string{}
	clustered := false
	for _, h := range all {
		by[h.Replicas] = append(by[h.Replicas], h.Stream)
		clustered = clustered || h.Cluster != ""
		switch {
		case len(h.Away) > 0:
			x.warn("replicas", fmt.Sprintf("%s: of its %d servers %s away; start %s again, or remove for good: nats server cluster peer-remove", h.Stream, h.Replicas, are(h.Away), them(h.Away)))
		case len(h.Lagging) > 0:
			x.warn("replicas", fmt.Sprintf("%s: of its %d servers %s behind; if that server of the others goes away that leads it, it stands still until that is back", h.Stream, h.Replicas, are(h.Lagging)))
		}
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

func are(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, " and ") + " are"
}

func them(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "them"
}
