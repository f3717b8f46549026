package detail

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
)

// Routes returns the patterns of all routes that a server has by the catalog in force.
func Routes(s *Server) (patterns []string, err error) {
	st, err := s.current()
	if err != nil {
		return nil, err
	}
	err = chi.Walk(st.router.(chi.Routes), func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		patterns = append(patterns, pattern)
		return nil
	})
	slices.Sort(patterns)
	return slices.Compact(patterns), err
}
