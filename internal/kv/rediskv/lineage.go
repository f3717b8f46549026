package rediskv

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// ranges is the number of parts into which the slots of a Cluster are divided. A part follows its slots when they move
// to another master. With up to this many masters, each holds at least one part.
const ranges = 64

const slots = 16384

// runLua gives the process that answers and its replication id: a restart changes the first, a promotion the second. It
// runs in the same script that reads or writes, so that no failover comes between. If INFO is forbidden it gives
// nothing.
const runLua = `
local function run()
  local server, replication = redis.pcall('INFO', 'server'), redis.pcall('INFO', 'replication')
  if type(server) ~= 'string' or type(replication) ~= 'string' then return '' end
  return string.sub(string.match(server, 'run_id:(%x+)') or '', 1, 16) .. string.sub(string.match(replication, 'master_replid:(%x+)') or '', 1, 16)
end
`

// KEYS part. ARGV a new epoch. Answers {epoch, run, seconds and µs of the clock, term, mark}.
const partLua = runLua + `
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local t = redis.call('TIME')
return {redis.call('HGET', KEYS[1], 'epoch'), run(), t[1], t[2], redis.call('HGET', KEYS[1], 'term') or '', redis.call('HGET', KEYS[1], 'mark')}
`

// KEYS part. ARGV epoch, run, field, value. Answers 0 if the part has another epoch or run by now.
const setInPartLua = runLua + `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or run() ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
`

// Parts implements kv.Lineage. A single server is one part.
func (s *Store) Parts(ctx context.Context) ([]kv.Shard, error) {
	client, err := s.connectWithin(ctx)
	if err != nil {
		return nil, s.fail("read the lineage", err)
	}
	names := []string{"0"}
	if clustered(client) {
		names = partNames()
	}
	calls := make([]call, len(names))
	for i, name := range names {
		calls[i] = call{[]string{partKey(name)}, []any{rand.Text()}}
	}
	parts := make([]kv.Shard, len(names))
	err = s.callFenced(ctx, "read the lineage", s.scripts.part, calls, unfenced, func(i int, cmd *redis.Cmd) (err error) {
		parts[i], err = readPart(names[i], cmd)
		parts[i].Whole = len(names) == 1
		return err
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

func readPart(name string, cmd *redis.Cmd) (kv.Shard, error) {
	answer, err := cmd.Slice()
	if err != nil {
		return kv.Shard{}, err
	}
	part := kv.Shard{Name: name}
	if len(answer) > 3 {
		part.Epoch, _ = answer[0].(string)
		part.Run, _ = answer[1].(string)
		part.Clock = clockOf(answer[2], answer[3])
	}
	if part.Epoch == "" {
		return kv.Shard{}, fmt.Errorf("%w: it has no epoch", item.ErrDamaged)
	}
	if len(answer) > 4 {
		part.Term = termOf(answer[4])
	}
	if len(answer) > 5 { // Lua drops a nil at the end
		if mark, ok := answer[5].(string); ok {
			part.Mark = []byte(mark)
		}
	}
	return part, nil
}

// clockOf is the answer of TIME.
func clockOf(seconds, micros any) time.Time {
	s, _ := seconds.(string)
	us, _ := micros.(string)
	at, err1 := strconv.ParseInt(s, 10, 64)
	part, err2 := strconv.ParseInt(us, 10, 64)
	if err1 != nil || err2 != nil {
		return time.Time{}
	}
	return time.Unix(at, part*1000)
}

// Mark implements kv.Lineage.
func (s *Store) Mark(ctx context.Context, parts []kv.Shard, mark []byte) error {
	return s.setInParts(ctx, parts, "mark", mark)
}

// setInParts sets a field of each part that has the epoch and the run with which it was read.
func (s *Store) setInParts(ctx context.Context, parts []kv.Shard, field string, value any) error {
	calls := make([]call, len(parts))
	for i, p := range parts {
		calls[i] = call{[]string{partKey(p.Name)}, []any{p.Epoch, p.Run, field, value}}
	}
	return s.callFenced(ctx, "set the "+field+" of the lineage", s.scripts.setInPart, calls, unfenced, func(_ int, cmd *redis.Cmd) error {
		marked, err := cmd.Int()
		if err == nil && marked == 0 {
			return item.ErrChanged
		}
		return err
	})
}

func partKey(name string) string { return "lineage:{" + name + "}" }

// partNames gives a hash tag for each range of slots: the smallest number whose slot is in the range.
var partNames = sync.OnceValue(func() []string {
	names := make([]string, ranges)
	for n, left := 0, ranges; left > 0; n++ {
		name := strconv.Itoa(n)
		i := int(crc16(name)) % slots / (slots / ranges)
		if names[i] == "" {
			names[i] = name
			left--
		}
	}
	return names
})

// crc16 is the checksum of a hash tag in Redis Cluster (XMODEM).
func crc16(s string) (sum uint16) {
	for i := range len(s) {
		sum ^= uint16(s[i]) << 8
		for range 8 {
			carry := sum&0x8000 != 0
			sum <<= 1
			if carry {
				sum ^= 0x1021
			}
		}
	}
	return sum
}
