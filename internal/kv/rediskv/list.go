package rediskv

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
)

// A list of the relation index is one sorted set, its head, until it has headMost members; later ones go into 256
// buckets. The head contains a marker, which can't be an id, that says whether there may be members in buckets:
//
//	"\x00s"  small: all is in the head
//	"\x00l"  large: look into the buckets, too
//
// A head without a marker belongs to a list that was begun by a version that knew buckets only, or that nobody has read
// yet. A reader that walks through all buckets and finds nothing marks it as small. A member of a bucket that is added
// again moves to the head while there is room.
//
// A member is an id. An id that was removed and added again has "\x00" and a version after it. The process that removed
// the first one may still be working, and removes only the version that it knows.
const (
	headMost = 1024
	markEnd  = "\x00\xff" // sorts after each marker, and after an id with each of its versions
	smallKey = "\x00s"
)

const listLua = `
local small, large = '\0s', '\0l'
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
`

// KEYS head. ARGV member, maximum of members. Answers 0 if the member belongs into its bucket, 1 if it is in the head
// and may be in its bucket, too, 2 if it is in the head of a small list.
const listAddLua = listLua + `
local is_small = redis.call('ZSCORE', KEYS[1], small)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[1], 0, large)
    redis.call('ZREM', KEYS[1], small)
    return 0
  end
  redis.call('ZADD', KEYS[1], 0, ARGV[1])
end
if is_small then return 2 end
return 1
`

// KEYS head. ARGV member. Answers 2 if the member can't be in a bucket, else 1.
const listRemoveLua = listLua + `
local is_small = redis.call('ZSCORE', KEYS[1], small)
redis.call('ZREM', KEYS[1], ARGV[1])
if not is_small then return 1 end
if redis.call('ZCARD', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
return 2
`

// KEYS head. ARGV maximum of members. Marks a list with empty buckets as small.
const listSettleLua = listLua + `
local n = redis.call('ZCARD', KEYS[1])
if n > 0 and n < tonumber(ARGV[1]) and not redis.call('ZSCORE', KEYS[1], large) then redis.call('ZADD', KEYS[1], 0, small) end
return 1
`

// entry is a member of a list.
type entry struct {
	list   kv.Relation
	member string
}

// bucket is the key of the member's bucket.
func (e entry) bucket() string { return e.list.Key(kv.Bucket(idOf(e.member))) }

// idOf is the id of a member, "" for a marker.
func idOf(member string) string {
	id, _, _ := strings.Cut(member, "\x00")
	return id
}

// addAll adds members to their lists.
func (s *Store) addAll(ctx context.Context, c redis.UniversalClient, entries []entry) error {
	calls := make([]call, len(entries))
	for i, e := range entries {
		calls[i] = call{[]string{e.list.Head()}, []any{e.member, headMost}}
	}
	answers, err := s.ping(run(ctx, c, s.scripts.listAdd, calls, nil))
	if err != nil {
		return err
	}
	var into, from []entry
	for i, answer := range answers {
		switch answer {
		case 0:
			into = append(into, entries[i])
		case 1:
			from = append(from, entries[i])
		}
	}
	if err := s.eachBucket(ctx, c, into, func(p redis.Pipeliner, e entry) redis.Cmder {
		return p.ZAdd(ctx, e.bucket(), redis.Z{Member: e.member})
	}); err != nil {
		return err
	}
	return s.eachBucket(ctx, c, from, func(p redis.Pipeliner, e entry) redis.Cmder { return p.ZRem(ctx, e.bucket(), e.member) })
}

// removeAll removes members from their lists.
func (s *Store) removeAll(ctx context.Context, c redis.UniversalClient, entries []entry) error {
	calls := make([]call, len(entries))
	for i, e := range entries {
		calls[i] = call{[]string{e.list.Head()}, []any{e.member}}
	}
	answers, err := s.ping(run(ctx, c, s.scripts.listRemove, calls, nil))
	if err != nil {
		return err
	}
	var from []entry
	for i, answer := range answers {
		if answer == 1 {
			from = append(from, entries[i])
		}
	}
	return s.eachBucket(ctx, c, from, func(p redis.Pipeliner, e entry) redis.Cmder { return p.ZRem(ctx, e.bucket(), e.member) })
}

func (s *Store) ping(cmds []*redis.Cmd) ([]int, error) {
	all := make([]int, len(cmds))
	for i, cmd := range cmds {
		var err error
		all[i], err = cmd.Int()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// eachBucket sends a command to the bucket of each entry. A bucket that is not a sorted set is damaged and is deleted.
func (s *Store) eachBucket(ctx context.Context, c redis.UniversalClient, entries []entry, send func(redis.Pipeliner, entry) redis.Cmder) error {
	cmds := make([]redis.Cmder, len(entries))
	exec(ctx, c, func(p redis.Pipeliner) {
		for i, e := range entries {
			cmds[i] = send(p, e)
		}
	})
	var again []entry
	for i, cmd := range cmds {
		switch err := cmd.Err(); {
		case wrongType(err):
			s.damaged(entries[i].bucket(), err)
			if err := c.Del(ctx, entries[i].bucket()).Err(); err != nil {
				return err
			}
			again = append(again, entries[i])
		case err != nil:
			return err
		}
	}
	if len(again) == 0 {
		return nil
	}
	return s.eachBucket(ctx, c, again, send)
}
