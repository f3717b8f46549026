package rediskv

import (
	"context"
)

// Ping pings every master. Its error names those that do not answer.
func (s *Store) Ping(ctx context.Context) error {
	return s.fail("ping", s.eachMaster(ctx, func(ctx context.Context, n node, _ bool) error { return n.Ping(ctx).Err() }))
}
