package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// dictionariesKey is the list of all dictionaries, the newest last. dictionaryIDs is the set of their numbers, as the
// dictionaries contain them, to check quickly whether one is there.
const (
	dictionariesKey = "dictionaries"
	dictionaryIDs   = "{dictionaries}:ids"
)

// KEYS list, ids. ARGV the maximum number, dictionaries. Adds those that are missing. Answers 0 if they would be too
// many.
const keepDictionariesLua = `
for key, kind in pairs({[KEYS[1]] = 'list', [KEYS[2]] = 'set'}) do
  local is = redis.call('TYPE', key).ok
  if is ~= kind and is ~= 'none' then redis.call('DEL', key) end
end
local function id(dictionary) return string.sub(dictionary, 5, 8) end
local there, n = {}, 0
for _, d in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  there[id(d)], n = true, n + 1
  redis.call('SADD', KEYS[2], id(d))
end
for i = 2, #ARGV do
  if not there[id(ARGV[i])] then
    n = n + 1
    if n > tonumber(ARGV[1]) then return 0 end
    redis.call('RPUSH', KEYS[1], ARGV[i])
    redis.call('SADD', KEYS[2], id(ARGV[i]))
  end
end
return 1
`

// Codec writes and reads the store's values.
func (s *Store) Codec() *kv.Codec { return &s.codec }

// Dictionaries gives the dictionaries of the store, and uses them from now on.
func (s *Store) Dictionaries(ctx context.Context) ([][]byte, error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, s.fail("read dictionaries", err)
	}
	defer cancel()
	list, err := s.readDictionaries(ctx, client)
	return list, s.fail("read dictionaries", err)
}

func (s *Store) readDictionaries(ctx context.Context, c redis.UniversalClient) (list [][]byte, err error) {
	texts, err := c.LRange(ctx, dictionariesKey, 0, -1).Result()
	if wrongType(err) {
		s.damaged(dictionariesKey, err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	if err := s.codec.Use(list); err != nil {
		s.damaged(dictionariesKey, err)
	}
	return list, nil
}

// AddDictionary stores a new dictionary for all processes of the store. This process uses it from now on, the others
// once they meet a value that was written with it. It fails with item.ErrRefused if it is not a dictionary, or if the
// store has kv.MaxDictionaries.
func (s *Store) AddDictionary(ctx context.Context, dictionary []byte) error {
	if _, err := kv.DictionaryID(dictionary); err != nil {
		return fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return s.fail("keep a dictionary", err)
	}
	defer cancel()
	kept, err := s.keepDictionaries(ctx, client, kv.MaxDictionaries, [][]byte{dictionary})
	if err == nil && !kept {
		err = fmt.Errorf("%w: the store has %d dictionaries, which is the most", item.ErrRefused, kv.MaxDictionaries)
	}
	if err == nil {
		_, err = s.readDictionaries(ctx, client)
	}
	return s.fail("keep a dictionary", err)
}

func (s *Store) keepDictionaries(ctx context.Context, c redis.UniversalClient, most int, list [][]byte) (bool, error) {
	args := []any{most}
	for _, d := range list {
		args = append(args, d)
	}
	return s.scripts.keepDictionaries.Run(ctx, c, []string{dictionariesKey, dictionaryIDs}, args...).Bool()
}

// restoreDictionaries runs after each write. A store that was flushed has lost its dictionaries, and a value written
// since can't be read by a process that starts later, unless its dictionary is stored again. It runs after the write,
// since a store can be flushed between any two steps: what was written before the flush is lost with it. If it fails,
// the next write tries again.
func (s *Store) restoreDictionaries(ctx context.Context) {
	list := s.codec.List()
	if len(list) == 0 {
		return
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return
	}
	defer cancel()
	newest := list[len(list)-1]
	there, err := client.SIsMember(ctx, dictionaryIDs, newest[4:8]).Result()
	if there || err != nil && !wrongType(err) {
		return
	}
	if _, err := s.keepDictionaries(ctx, client, kv.MaxDictionaries+len(list), list); err != nil {
		s.log.Warn("the store has lost its dictionaries, and does not take them back", "error", err)
		return
	}
	s.log.Info("the store had lost its dictionaries, and has them again", "dictionaries", len(list))
}

// learn reads the dictionaries again if one of the values needs one that is not known here. A value whose dictionary
// the store has lost is damaged, like one whose bytes are wrong. If the dictionaries can't be read, neither can the
// value.
func (s *Store) learn(ctx context.Context, c redis.UniversalClient, stored [][]byte, errs []error) {
	var unknown []int
	for i, b := range stored {
		if !s.codec.Knows(b) {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return
	}
	if _, err := s.readDictionaries(ctx, c); err != nil {
		for _, i := range unknown {
			note(errs, i, "read dictionaries", fmt.Errorf("%w: %w", item.ErrUnavailable, err))
		}
	}
}
