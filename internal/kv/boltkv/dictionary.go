package boltkv

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// metaDictionaries holds all dictionaries, as a JSON list of base64.
const metaDictionaries = "dictionaries"

// Codec writes and reads the store's values.
func (s *Store) Codec() *kv.Codec { return &s.codec }

// Dictionaries gives the dictionaries of the file, the newest last.
func (s *Store) Dictionaries(ctx context.Context) (list [][]byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		list, err = readDictionaries(tx)
		return err
	})
	return list, err
}

func readDictionaries(tx *bbolt.Tx) (list [][]byte, err error) {
	b := tx.Bucket([]byte(metaBucket)).Get([]byte(metaPrefix + metaDictionaries))
	if b == nil {
		return nil, nil
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%w: dictionaries: %w", item.ErrDamaged, err)
	}
	return list, nil
}

// AddDictionary stores a new dictionary, and uses it from now on. It fails with item.ErrRefused if it is not one, or if
// the store has kv.MaxDictionaries.
func (s *Store) AddDictionary(ctx context.Context, dictionary []byte) error {
	if _, err := kv.DictionaryID(dictionary); err != nil {
		return fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	var list [][]byte
	refused := false
	err := s.update(ctx, 1, func(tx *writing) (err error) {
		list, err = readDictionaries(tx.Tx)
		if err != nil {
			return err
		}
		refused = len(list) >= kv.MaxDictionaries
		if refused {
			return nil
		}
		list = append(list, dictionary)
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return tx.put(metaBucket, []byte(metaPrefix+metaDictionaries), b)
	})
	if err != nil {
		return fmt.Errorf("keep a dictionary: %w", err)
	}
	if refused {
		return fmt.Errorf("keep a dictionary: %w: the store has %d, which is the most", item.ErrRefused, kv.MaxDictionaries)
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
