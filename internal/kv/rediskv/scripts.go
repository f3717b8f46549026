package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/kv"
)

// nextLua issues the next number of the entity's counter. A counter that is not a number below 2^53 was not written
// here; then the clock alone is higher than any number issued before.
const nextLua = `
local function next_number(key)
  local last = tonumber(redis.call('HGET', key, 'n') or '0')
  if not (last and last < 9007199254740992) then last = 0 end
  local t = redis.call('TIME')
  return math.max(last + 1, tonumber(t[1]) * 1000000 + tonumber(t[2]))
end
local function digits(n) return string.format('%.0f', n) end
`

// stateLua defines own, which deletes a state key of another type, and gen, which reads a gen: an unreadable one is
// nil.
const stateLua = `
local function own(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
end
local function gen(key, field)
  local text = redis.call('HGET', key, field)
  if text and #text <= 16 and string.find(text, '^%d+$') then return text end
  return nil
end
` + retainLua

// retainLua defines retain, which has the hash expire with the last of the entity's records, so that an unknown id
// leaves nothing behind. It reads the times to live of the records, whose keys are in the hash's slot. The hash
// outlives them by a minute, so that no record is without a state. A hash without records, which a late step has
// written, is kept for least (ms).
const retainLua = `
local function retain(key, least)
  local record, longest = 'rec:' .. string.sub(key, 5) .. ':', least
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 2) == 'g:' then
      local left = redis.call('PTTL', record .. string.sub(field, 3))
      if left == -1 then
        redis.call('PERSIST', key)
        return
      end
      longest = math.max(longest, left)
    end
  end
  redis.call('PEXPIRE', key, string.format('%.0f', longest + 60000))
end
local function late(key) return redis.call('EXISTS', key) == 0 end
local hour = 3600000
`

// layoutLua defines the offsets of the fields of a value's header, counted from 1 as in Lua, from the constants of
// package kv. It precedes each script.
func layoutLua() string {
	return fmt.Sprintf("local header_size, stamp_first, stamp_last, shape_first, shape_last = %d, %d, %d, %d, %d\n",
		kv.HeaderSize, kv.StampAt+1, kv.VersionAt, kv.ShapeAt+1, kv.CRCAt)
}

// headLua reads the 8 bytes of a stored stamp or gen. A key of another type, or a value shorter than a header, is
// damaged: it counts as absent, and the SET that follows replaces it.
const headLua = `
local function head(key)
  local old = redis.pcall('GETRANGE', key, 0, header_size - 1)
  if type(old) == 'string' and #old == header_size then return string.sub(old, stamp_first, stamp_last) end
  return string.rep('\0', stamp_last - stamp_first + 1)
end
local function set(key, value, keep)
  if keep == '0' then redis.call('SET', key, value) else redis.call('SET', key, value, 'EX', keep) end
end
`

// KEYS record, state. ARGV expect (8 bytes), value, dimension, same, refs, validators, keep (s).
// Answers {outcome, stamp (8 bytes), HGETALL}.
const putLua = nextLua + stateLua + headLua + `
local function bytes(n)
  local s = ''
  for _ = 1, 8 do s = string.char(n % 256) .. s; n = math.floor(n / 256) end
  return s
end
local function keep_field(field, value)
  if value == '' then redis.call('HDEL', KEYS[2], field) else redis.call('HSET', KEYS[2], field, value) end
end
own(KEYS[2])
local stamp = head(KEYS[1])
if stamp ~= ARGV[1] then return {3, stamp, redis.call('HGETALL', KEYS[2])} end
local n, dim, outcome = next_number(KEYS[2]), ARGV[3], 2
local high, middle, low = string.byte(ARGV[2], shape_first, shape_last)
stamp = bytes(n)
if ARGV[4] ~= '1' or not gen(KEYS[2], 'g:' .. dim) then outcome = 1 end
set(KEYS[1], string.sub(ARGV[2], 1, stamp_first - 1) .. stamp .. string.sub(ARGV[2], stamp_last + 1), ARGV[7])
redis.call('HSET', KEYS[2], 'n', digits(n))
if outcome == 1 then redis.call('HSET', KEYS[2], 'g:' .. dim, digits(n)) end
redis.call('HSET', KEYS[2], 's:' .. dim, digits(high * 65536 + middle * 256 + low))
keep_field('w:' .. dim, ARGV[5])
keep_field('v:' .. dim, ARGV[6])
if ARGV[7] == '0' then redis.call('PERSIST', KEYS[2]) else retain(KEYS[2], tonumber(ARGV[7]) * 1000) end
return {outcome, stamp, redis.call('HGETALL', KEYS[2])}
`

// lowerLua defines lower, which compares two stamps or gens. Lua's < depends on the server's locale, hence the loop.
const lowerLua = `
local function lower(a, b)
  for i = 1, 8 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
`

// KEYS blob. ARGV value, keep (s). Answers 1 if stored.
const putBlobLua = headLua + lowerLua + `
local old = redis.pcall('STRLEN', KEYS[1])
if type(old) == 'number' and old >= header_size and not lower(head(KEYS[1]), string.sub(ARGV[1], stamp_first, stamp_last)) then return 0 end
set(KEYS[1], ARGV[1], ARGV[2])
return 1
`

// KEYS blob. ARGV value, keep (s), the damaged bytes to be replaced. Answers 1 if stored.
const mendBlobLua = headLua + `
if redis.pcall('GET', KEYS[1]) ~= ARGV[3] then return 0 end
set(KEYS[1], ARGV[1], ARGV[2])
return 1
`

// KEYS state. ARGV blob, gen, shape, blob, gen, shape, … with gens in decimal without leading zeros.
const markBuiltLua = stateLua + `
own(KEYS[1])
local forgotten = late(KEYS[1])
for i = 1, #ARGV, 3 do
  local field, new = 'b:' .. ARGV[i], ARGV[i + 1]
  local old = gen(KEYS[1], field) or ''
  if #old < #new or #old == #new and old <= new then redis.call('HSET', KEYS[1], field, new, 't:' .. ARGV[i], ARGV[i + 2]) end
end
if forgotten then retain(KEYS[1], hour) end
return 1
`

// KEYS state. ARGV dimensions.
const raiseLua = nextLua + stateLua + `
own(KEYS[1])
local forgotten = late(KEYS[1])
local n = digits(next_number(KEYS[1]))
redis.call('HSET', KEYS[1], 'n', n)
for _, dim in ipairs(ARGV) do redis.call('HSET', KEYS[1], 'g:' .. dim, n) end
if forgotten then retain(KEYS[1], hour) end
return 1
`

// KEYS state. ARGV dimension, refs applied before, their versions, refs applied now, their versions. Does nothing and
// answers 0 if others were applied in between.
const appliedLua = stateLua + `
own(KEYS[1])
local forgotten = late(KEYS[1])
local fields = {'a:' .. ARGV[1], 'x:' .. ARGV[1]}
for i, field in ipairs(fields) do
  if (redis.call('HGET', KEYS[1], field) or '') ~= ARGV[1 + i] then return 0 end
end
for i, field in ipairs(fields) do
  local new = ARGV[3 + i]
  if new == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, new) end
end
if forgotten then retain(KEYS[1], hour) end
return 1
`

type scripts struct {
	put, putBlob, mendBlob, markBuilt, raise, applied, keepDictionaries  *redis.Script
	listAdd, listRemove, listSettle, part, setInPart, remove, removeBlob *redis.Script
}

// newScript creates a script, which may use the names of layoutLua.
func newScript(lua string) *redis.Script { return redis.NewScript(layoutLua() + lua) }

func newScripts() scripts {
	return scripts{
		put: newScript(putLua), putBlob: newScript(putBlobLua), mendBlob: newScript(mendBlobLua),
		markBuilt: newScript(markBuiltLua), raise: newScript(raiseLua), applied: newScript(appliedLua),
		keepDictionaries: newScript(keepDictionariesLua),
		listAdd:          newScript(listAddLua), listRemove: newScript(listRemoveLua), listSettle: newScript(listSettleLua),
		part: newScript(partLua), setInPart: newScript(setInPartLua),
		remove: newScript(removeLua), removeBlob: newScript(removeBlobLua),
	}
}

// call is one run of a script.
type call struct {
	keys []string
	args []any
}

// call runs a script once for each of the calls, and passes each answer to done. It fails at an old master.
func (s *Store) call(ctx context.Context, op string, script *redis.Script, calls []call, done func(i int, cmd *redis.Cmd) error) error {
	return s.callFenced(ctx, op, script, calls, s.fence, done)
}

// fencer makes the fence of one pipeline.
type fencer func(ctx context.Context, c redis.UniversalClient) (*fence, error)

func (s *Store) callFenced(ctx context.Context, op string, script *redis.Script, calls []call, by fencer, done func(i int, cmd *redis.Cmd) error) error {
	return s.each(ctx, batch{
		op: op, n: len(calls), pace: s.writes,
		key: func(i int) string { return calls[i].keys[0] }, size: func(i int) int { return calls[i].size() },
		do: func(ctx context.Context, c redis.UniversalClient, at []int, errs []error) {
			part := make([]call, len(at))
			for n, i := range at {
				part[n] = calls[i]
			}
			f, err := by(ctx, c)
			if err != nil {
				noteAll(errs, at, err)
				return
			}
			answers := run(ctx, c, script, part, f)
			s.leaveOld(c, f)
			for n, cmd := range answers {
				note(errs, at[n], part[n].keys[0], done(at[n], cmd))
			}
		},
	})
}

// size is the approximate number of bytes that a call sends.
func (k call) size() (bytes int) {
	for _, arg := range k.args {
		switch arg := arg.(type) {
		case string:
			bytes += len(arg)
		case []byte:
			bytes += len(arg)
		}
	}
	return bytes
}

// run sends the calls in one pipeline, in order, each by the script's hash. Calls to a node that does not know the
// script are sent again with its text. Results match calls by position. All fail if the fence finds an old master.
func run(ctx context.Context, c redis.UniversalClient, script *redis.Script, calls []call, f *fence) []*redis.Cmd {
	cmds, unknown := make([]*redis.Cmd, len(calls)), []int(nil)
	exec(ctx, c, func(p redis.Pipeliner) {
		f.send(ctx, p)
		for i, k := range calls {
			cmds[i] = script.EvalSha(ctx, p, k.keys, k.args...)
		}
	})
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if err := f.refuses(); err != nil || len(unknown) == 0 {
		return failed(cmds, err)
	}
	exec(ctx, c, func(p redis.Pipeliner) {
		f.send(ctx, p)
		for _, i := range unknown {
			cmds[i] = script.Eval(ctx, p, calls[i].keys, calls[i].args...)
		}
	})
	return failed(cmds, f.refuses())
}

// failed gives commands an error, unless that is nil.
func failed(cmds []*redis.Cmd, err error) []*redis.Cmd {
	for _, cmd := range cmds {
		if err != nil {
			cmd.SetErr(err)
		}
	}
	return cmds
}
