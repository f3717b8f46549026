package rediskv

import (
	"context"
)

// Answers asks every master for a sign of life. Its error names those that give none.
func (s *Store) Answers(ctx context.Context) error {
	return s.fail("ping", s.eachMaster(ctx, func(ctx context.Context, n node, _ bool) error { return n.Ping(ctx).Err() }))
}
