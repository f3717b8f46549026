package node

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// AdminRoutes are the patterns of all routes of the admin listener.
func AdminRoutes() (patterns []string) {
	a := &admin{node: &process{metrics: prometheus.NewRegistry()}, files: http.NotFoundHandler()}
	for _, r := range a.routes() {
		patterns = append(patterns, r.pattern)
	}
	return patterns
}
