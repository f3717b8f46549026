package boltkv

import (
	"context"
	"encoding/json"
	"fmt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// metaDictionaries holds them all, as a JSON list of base64.
const metaDictionaries = "dictionaries"

// Codec is what the store writes and reads values with.
func (s *Store) Codec() *kv.Codec { return &s.codec }

// Dictionaries gives those of the file, the newest last.
func (s *Store) Dictionaries(ctx context.Context) (list [][]byte, err error) {
	b, err := s.Meta(ctx, metaDictionaries)
	if err != nil || b == nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%w: dictionaries: %w", item.ErrDamaged, err)
	}
	return list, nil
}

// AddDictionary keeps a new one, and uses it from now on.
func (s *Store) AddDictionary(ctx context.Context, dictionary []byte) error {
	list, err := s.Dictionaries(ctx)
	if err != nil {
		return err
	}
	list = append(list, dictionary)
	if err := new(kv.Codec).Use(list); err != nil {
		return err
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := s.SetMeta(ctx, metaDictionaries, b); err != nil {
		return fmt.Errorf("keep a dictionary: %w", err)
	}
	return s.codec.Use(list)
}

func (s *Store) useDictionaries(ctx context.Context) error {
	list, err := s.Dictionaries(ctx)
	if err != nil {
		return err
	}
	return s.codec.Use(list)
}
