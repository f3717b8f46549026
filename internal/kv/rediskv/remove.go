package rediskv

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// KEYS state, records. ARGV the number of records; for each its stamp (8 bytes) and dimension; for each blob its name
// and gen in decimal without leading zeros. Answers how many records were removed. An unreadable built gen of a blob is
// removed, too.
const removeLua = stateLua + headLua + `
own(KEYS[1])
local removed, records = 0, tonumber(ARGV[1])
for i = 1, records do
  local stamp, dim = ARGV[2 * i], ARGV[2 * i + 1]
  if head(KEYS[i + 1]) == stamp then
    removed = removed + redis.call('DEL', KEYS[i + 1])
    redis.call('HDEL', KEYS[1], 'g:' .. dim, 's:' .. dim, 'w:' .. dim, 'v:' .. dim, 'a:' .. dim, 'x:' .. dim)
  end
end
for i = 2 + 2 * records, #ARGV, 2 do
  local name, seen = ARGV[i], ARGV[i + 1]
  local now = gen(KEYS[1], 'b:' .. name) or ''
  if #now < #seen or #now == #seen and now <= seen then
    redis.call('HDEL', KEYS[1], 'b:' .. name, 't:' .. name)
  end
end
if not late(KEYS[1]) then retain(KEYS[1], hour) end
return removed
`

// KEYS blob. ARGV the gen that was seen (8 bytes). Answers 1 if removed.
const removeBlobLua = headLua + lowerLua + `
if lower(ARGV[1], head(KEYS[1])) then return 0 end
return redis.call('DEL', KEYS[1])
`

// Remove implements kv.Remover: one script for each entity.
func (s *Store) Remove(ctx context.Context, removals []kv.Removal) ([]int, error) {
	calls := make([]call, len(removals))
	for i, r := range removals {
		k := call{[]string{kv.StateKey(r.Entity)}, []any{len(r.Records)}}
		for dimension, stamp := range r.Records {
			k.keys = append(k.keys, kv.RecordKey{Entity: r.Entity, Dimension: dimension}.String())
			k.args = append(k.args, stampBytes(stamp), dimension)
		}
		for blob, gen := range r.Built {
			k.args = append(k.args, blob, strconv.FormatUint(gen, 10))
		}
		calls[i] = k
	}
	removed := make([]int, len(removals))
	err := s.call(ctx, "remove leftovers", s.scripts.remove, calls, func(i int, cmd *redis.Cmd) (err error) {
		removed[i], err = cmd.Int()
		return err
	})
	return removed, err
}

// RemoveBlobs implements kv.BlobRemover.
func (s *Store) RemoveBlobs(ctx context.Context, blobs []kv.BlobSeen) ([]bool, error) {
	calls := make([]call, len(blobs))
	for i, b := range blobs {
		calls[i] = call{[]string{b.BlobKey.String()}, []any{stampBytes(b.Gen)}}
	}
	removed := make([]bool, len(blobs))
	err := s.call(ctx, "remove left over blobs", s.scripts.removeBlob, calls, func(i int, cmd *redis.Cmd) error {
		n, err := cmd.Int()
		removed[i] = n == 1
		return err
	})
	return removed, err
}

// RemoveLists implements kv.Remover. It removes the keys of lists, heads and buckets, as a scan meets them.
func (s *Store) RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(kv.Relation) bool) (int, string, error) {
	keys, next, err := s.scan(ctx, "rel:*", cursor, limit)
	if err != nil {
		return 0, next, s.fail("scan lists", err)
	}
	var calls []string
	for _, key := range keys {
		list, ok := parseList(key)
		switch {
		case !ok:
			s.log.Warn("a key is not ours", "key", clip(key))
		case leftOver(list):
			calls = append(calls, key)
		}
	}
	removed := 0
	err = s.each(ctx, batch{
		op: "remove left over lists", n: len(calls), pace: s.writes,
		key: func(i int) string { return calls[i] },
		do: func(ctx context.Context, c redis.UniversalClient, at []int, errs []error) {
			cmds := make([]*redis.IntCmd, len(at))
			exec(ctx, c, func(p redis.Pipeliner) {
				for n, i := range at {
					cmds[n] = p.Unlink(ctx, calls[i])
				}
			})
			for n, i := range at {
				note(errs, i, calls[i], cmds[n].Err())
			}
		},
	})
	for _, err := range kv.ItemErrors(err, len(calls)) {
		if err == nil {
			removed++
		}
	}
	return removed, next, err
}

// parseList parses a key that Relation.Head or Relation.Key wrote.
func parseList(key string) (list kv.Relation, ok bool) {
	rest, ok := strings.CutPrefix(key, "rel:{")
	token, names, closed := strings.Cut(rest, "}:")
	kind, ref, both := strings.Cut(names, ":")
	token, _, _ = strings.Cut(token, "#")
	target, err := item.ParseToken(token)
	if !ok || !closed || !both || err != nil || item.CheckName(kind) != nil || item.CheckName(ref) != nil {
		return kv.Relation{}, false
	}
	return kv.Relation{Target: target, Kind: kind, Ref: ref}, true
}
