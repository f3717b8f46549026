package rediskv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// nextLua issues the next number of the entity's counter. A counter that is no number below 2^53 was not
// written here; the clock alone is then higher than whatever was issued before.
const nextLua = `
local function next_number(key)
  local last = tonumber(redis.call('HGET', key, 'n') or '0')
  if not (last and last < 9007199254740992) then last = 0 end
  local t = redis.call('TIME')
  return math.max(last + 1, tonumber(t[1]) * 1000000 + tonumber(t[2]))
end
local function digits(n) return string.format('%.0f', n) end
`

// headLua reads the 8 bytes of a stored stamp or gen. A key of another type, or a value shorter than a
// header, is damage: it counts as absent, and the SET that follows replaces it.
const headLua = `
local function head(key)
  local old = redis.pcall('GETRANGE', key, 0, 39)
  if type(old) == 'string' and #old == 40 then return string.sub(old, 3, 10) end
  return string.rep('\0', 8)
end
local function set(key, value, keep)
  if keep == '0' then redis.call('SET', key, value) else redis.call('SET', key, value, 'EX', keep) end
end
`

// KEYS record, state. ARGV expect (8 bytes), value, dimension, same, refs, validators, keep (s).
// Answers {outcome, stamp (8 bytes), HGETALL}.
const putLua = nextLua + headLua + `
local function bytes(n)
  local s = ''
  for _ = 1, 8 do s = string.char(n % 256) .. s; n = math.floor(n / 256) end
  return s
end
local function keep_field(field, value)
  if value == '' then redis.call('HDEL', KEYS[2], field) else redis.call('HSET', KEYS[2], field, value) end
end
local stamp = head(KEYS[1])
if stamp ~= ARGV[1] then return {3, stamp, redis.call('HGETALL', KEYS[2])} end
local n, dim, outcome = next_number(KEYS[2]), ARGV[3], 2
stamp = bytes(n)
if ARGV[4] ~= '1' or redis.call('HEXISTS', KEYS[2], 'g:' .. dim) == 0 then outcome = 1 end
set(KEYS[1], string.sub(ARGV[2], 1, 2) .. stamp .. string.sub(ARGV[2], 11), ARGV[7])
redis.call('HSET', KEYS[2], 'n', digits(n))
if outcome == 1 then redis.call('HSET', KEYS[2], 'g:' .. dim, digits(n)) end
keep_field('w:' .. dim, ARGV[5])
keep_field('v:' .. dim, ARGV[6])
return {outcome, stamp, redis.call('HGETALL', KEYS[2])}
`

// KEYS blob. ARGV value, keep (s). Lua's < goes by the server's locale, hence the loop. Answers 1 if stored.
const putBlobLua = headLua + `
local function lower(a, b)
  for i = 1, 8 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
local old = redis.pcall('STRLEN', KEYS[1])
if type(old) == 'number' and old >= 40 and not lower(head(KEYS[1]), string.sub(ARGV[1], 3, 10)) then return 0 end
set(KEYS[1], ARGV[1], ARGV[2])
return 1
`

// KEYS blob. ARGV value, keep (s), the damaged bytes to be replaced. Answers 1 if stored.
const mendBlobLua = headLua + `
if redis.pcall('GET', KEYS[1]) ~= ARGV[3] then return 0 end
set(KEYS[1], ARGV[1], ARGV[2])
return 1
`

// KEYS state. ARGV blob, gen, blob, gen, … with gens in decimal without leading zeros.
const markBuiltLua = `
for i = 1, #ARGV, 2 do
  local field, new = 'b:' .. ARGV[i], ARGV[i + 1]
  local old = redis.call('HGET', KEYS[1], field) or ''
  if #old < #new or #old == #new and old < new then redis.call('HSET', KEYS[1], field, new) end
end
return 1
`

// KEYS state. ARGV dimensions.
const raiseLua = nextLua + `
local n = digits(next_number(KEYS[1]))
redis.call('HSET', KEYS[1], 'n', n)
for _, dim in ipairs(ARGV) do redis.call('HSET', KEYS[1], 'g:' .. dim, n) end
return 1
`

// KEYS state. ARGV dimension, refs that were applied, refs that are now. Answers 0 if others came first.
const appliedLua = `
local field = 'a:' .. ARGV[1]
if (redis.call('HGET', KEYS[1], field) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, ARGV[3]) end
return 1
`

type scripts struct{ put, putBlob, mendBlob, markBuilt, raise, applied *redis.Script }

func newScripts() scripts {
	return scripts{
		put: redis.NewScript(putLua), putBlob: redis.NewScript(putBlobLua), mendBlob: redis.NewScript(mendBlobLua),
		markBuilt: redis.NewScript(markBuiltLua), raise: redis.NewScript(raiseLua), applied: redis.NewScript(appliedLua),
	}
}

// call is one run of a script.
type call struct {
	keys []string
	args []any
}

// run sends the calls in pipelines of at most batch, in order, each by its hash; those of a node that has
// never seen the script go again with its text. Results match calls by position.
func run(ctx context.Context, c redis.UniversalClient, script *redis.Script, calls []call) ([]*redis.Cmd, error) {
	done := make([]*redis.Cmd, 0, len(calls))
	for start := 0; start < len(calls); start += batch {
		part := calls[start:min(start+batch, len(calls))]
		cmds, unknown := make([]*redis.Cmd, len(part)), []int(nil)
		if err := exec(ctx, c, func(p redis.Pipeliner) {
			for i, k := range part {
				cmds[i] = script.EvalSha(ctx, p, k.keys, k.args...)
			}
		}); err != nil {
			return nil, err
		}
		for i, cmd := range cmds {
			if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
				unknown = append(unknown, i)
			}
		}
		if err := exec(ctx, c, func(p redis.Pipeliner) {
			for _, i := range unknown {
				cmds[i] = script.Eval(ctx, p, part[i].keys, part[i].args...)
			}
		}); err != nil {
			return nil, err
		}
		done = append(done, cmds...)
	}
	return done, nil
}

// batch is the most keys or calls that go out before their answers are read, which bounds memory on both sides.
const batch = 500

// exec sends one pipeline. Commands are looked at one by one by the caller, since a pipeline's own error may
// be the first redis.Nil; only the context's end is an error here.
func exec(ctx context.Context, c redis.UniversalClient, fill func(redis.Pipeliner)) error {
	p := c.Pipeline()
	fill(p)
	if p.Len() == 0 {
		return nil
	}
	_, _ = p.Exec(ctx)
	return context.Cause(ctx)
}
