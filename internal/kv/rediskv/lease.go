package rediskv

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Leases are keys of their own, lease:{NAME}, that expire. They hold nothing that has to be kept.
const leasePrefix = "lease:{"

// takeLease gives the value that Leave stored, or else takes the lease by storing an empty value.
var takeLease = redis.NewScript(`
local left = redis.call('GET', KEYS[1])
if left then return left end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return false`)

// Lease gives the value that Leave stored under the name, if it has not expired. Otherwise mine reports whether the
// caller got the lease, for ttl: exactly one of all callers does.
func (s *Store) Lease(ctx context.Context, name string, ttl time.Duration) (left []byte, mine bool, err error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, false, s.fail("lease", err)
	}
	defer cancel()
	text, err := takeLease.Run(ctx, client, []string{leasePrefix + name + "}"}, ttl.Milliseconds()).Text()
	if err == redis.Nil {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, s.fail("lease "+name, err)
	}
	return []byte(text), false, nil
}

// Leave stores the result of the lease's holder in place of the lease, for ttl.
func (s *Store) Leave(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return s.fail("leave", err)
	}
	defer cancel()
	if err := client.Set(ctx, leasePrefix+name+"}", value, ttl).Err(); err != nil {
		return s.fail("leave "+name, fmt.Errorf("set: %w", err))
	}
	return nil
}
