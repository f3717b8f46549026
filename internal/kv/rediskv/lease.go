package rediskv

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Leases are keys of their own, lease:{NAME}, that end by themselves. They hold nothing that has to be kept.
const leasePrefix = "lease:{"

// takeLease gives what was left, or takes the lease, which is then an empty value.
var takeLease = redis.NewScript(`
local left = redis.call('GET', KEYS[1])
if left then return left end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return false`)

// Lease gives what Leave left under the name within its time. Else mine tells whether the caller got the lease
// now, for ttl: one of all who ask does.
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

// Leave puts what the lease's holder found in its place, for ttl.
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
