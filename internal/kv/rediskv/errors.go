package rediskv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
)

// transient lists the error codes by which Redis says that it can't now; a later try may succeed. Wrong credentials are
// among them, since they are corrected at Redis or in the config, and no work must be lost meanwhile.
func transient() []string {
	return []string{"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN", "OOM", "MISCONF", "BUSY", "NOREPLICAS",
		"MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM", "UNBLOCKED", "ERR max number of clients"}
}

// fail adds the operation and the store to an error, and wraps its class. The caller's own cancellation passes through;
// a deadline that expired while waiting for Redis also wraps item.ErrUnavailable.
func (s *Store) fail(op string, err error) error {
	var reply redis.Error
	switch {
	case err == nil:
		return nil
	case noSentinel(err) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", op, s.address.explain(err))
	case errors.Is(err, context.Canceled), classed(err):
		return fmt.Errorf("%s: %w", op, err)
	case isReadOnly(err):
		return fmt.Errorf("%s: Redis %s: %w: it is a replica, and takes no writes (vitrine doctor names its master): %w", op, s.name(), item.ErrUnavailable, err)
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

// isReadOnly reports whether a replica refused a write.
func isReadOnly(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && (strings.HasPrefix(reply.Error(), "READONLY") || strings.Contains(reply.Error(), "-READONLY "))
}

// wrongType reports whether a key holds a value of another type than ours. Only that key is damaged.
func wrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }
