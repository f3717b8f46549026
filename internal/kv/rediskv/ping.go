package rediskv

import (
	"context"
	"errors"
	"fmt"
)

// Answers asks every master for a sign of life; the error names those that give none.
func (s *Store) Answers(ctx context.Context) error { return s.fail("ping", s.ping(ctx)) }

func (s *Store) ping(ctx context.Context) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	nodes, err := masters(ctx, client)
	if err != nil {
		return err
	}
	var silent []error
	for _, n := range nodes {
		if err := n.Ping(ctx).Err(); err != nil {
			silent = append(silent, fmt.Errorf("node %s: %w", n.addr, err))
		}
	}
	return errors.Join(silent...)
}
