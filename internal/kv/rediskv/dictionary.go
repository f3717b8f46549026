package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// dictionariesKey is a list of all that the store has, the newest last.
const dictionariesKey = "dictionaries"

// Codec is what the store writes and reads values with.
func (s *Store) Codec() *kv.Codec { return &s.codec }

// Dictionaries gives those of the store, and uses them from now on.
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
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list, s.codec.Use(list)
}

// AddDictionary keeps a new one, for every process of the store. This one uses it from now on, the others do when
// they meet a value that was written with it.
func (s *Store) AddDictionary(ctx context.Context, dictionary []byte) error {
	if err := new(kv.Codec).Use([][]byte{dictionary}); err != nil {
		return err
	}
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return s.fail("keep a dictionary", err)
	}
	defer cancel()
	if err = client.RPush(ctx, dictionariesKey, dictionary).Err(); err == nil {
		_, err = s.readDictionaries(ctx, client)
	}
	return s.fail("keep a dictionary", err)
}

// learn reads the dictionaries anew where one of the values needs one that is not here. A value whose dictionary the
// store has lost is damaged, as one is whose bytes are wrong; where nobody can say so, the value could not be read.
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
