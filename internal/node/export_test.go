package node

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/refresh"
	"vitrine/internal/upstream"
)

// WalkList announces what an upstream lists for a kind, as up does at its start.
func WalkList(ctx context.Context, conn *bus.Conn, client *upstream.Client, log *slog.Logger, kind *catalog.Kind) {
	n := &process{log: log}
	n.walkList(ctx, refresh.New(refresh.Config{Upstream: client, Bus: conn, Log: log, Lane: item.Refresh}), kind)
}

// Served requests a blob from a detail server, as the audit does.
func Served(ctx context.Context, client *http.Client, pages string, e item.Entity, blob string) (audit.Served, error) {
	return served(ctx, client, pages, e, blob)
}

// AdminRoutes returns the patterns of all routes of the admin listener.
func AdminRoutes() (patterns []string) {
	a := &admin{node: &process{metrics: prometheus.NewRegistry()}, files: http.NotFoundHandler()}
	for _, r := range a.routes() {
		patterns = append(patterns, r.pattern)
	}
	return patterns
}

// FollowHeap runs the agent that sets by what percentage the heap may grow.
func FollowHeap(ctx context.Context, floor uint64, live func() uint64, set func(percent int) int) error {
	g := garbage{floor: floor, live: live, set: set}
	return g.Run(ctx)
}

// Unfetched is what a server of pages knows of changes that could not be fetched.
type Unfetched struct{ *unfetched }

// NewUnfetched makes one that looks when Look is called.
func NewUnfetched(begun func(item.Entity)) Unfetched {
	u := newUnfetched(nil, nil)
	u.begun = begun
	return Unfetched{u}
}

// Look shows what waits, and reports whether the entity is old.
func (u Unfetched) Look(entities map[item.Entity]bool, tooMany bool, e item.Entity) bool {
	u.look(entities, tooMany)
	return u.of(e) || u.countless()
}

// AskPeers asks other servers for their pages.
func AskPeers(ctx context.Context, peers requester, log *slog.Logger) [][]detail.KeptPage {
	return askPeers(ctx, peers, log)
}
