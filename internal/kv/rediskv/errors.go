package rediskv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
)

// transient are the answers by which Redis says that it can't now: asking later may help. Wrong credentials
// are among them, since they are mended at Redis or in the config, and no work must be thrown away meanwhile.
func transient() []string {
	return []string{"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN", "OOM", "MISCONF", "BUSY", "NOREPLICAS",
		"MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM", "UNBLOCKED", "ERR max number of clients"}
}

// fail names the operation and the store, and gives the error its class. What the caller did to its
// context passes through; a deadline that ran out waiting for Redis is also item.ErrUnavailable.
func (s *Store) fail(op string, err error) error {
	var reply redis.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), classed(err):
		return fmt.Errorf("%s: %w", op, err)
	case errors.As(err, &reply) && !unavailable(reply.Error()):
		return fmt.Errorf("%s: Redis %s: %w", op, s.name(), err)
	}
	return fmt.Errorf("%s: Redis %s: %w: %w", op, s.name(), item.ErrUnavailable, err)
}

func classed(err error) bool {
	return errors.Is(err, item.ErrChanged) || errors.Is(err, item.ErrDamaged) || errors.Is(err, item.ErrRefused) || errors.Is(err, item.ErrUnavailable)
}

// unavailable looks for a transient code at the start, or after the dash that Redis 6 puts inside a script's error.
func unavailable(reply string) bool {
	for _, code := range transient() {
		if strings.HasPrefix(reply, code) || strings.Contains(reply, "-"+code+" ") {
			return true
		}
	}
	return false
}

func forbidden(err error) bool { return redis.IsPermissionError(err) }

// wrongType reports whether a key holds a value of another type than ours: damage, of that key alone.
func wrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }
