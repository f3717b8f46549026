package boltkv

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Corrupt changes the bytes stored under a key in the notation of package kv: rec:{…}:NAME, blob:{…}:NAME or
// gen:{…}.
func (s *Store) Corrupt(ctx context.Context, key string, mutate func([]byte) []byte) error {
	bucket, rest, _ := strings.Cut(key, ":")
	token, name, _ := strings.Cut(strings.TrimPrefix(rest, "{"), "}")
	own := token
	if bucket != genBucket {
		own += string(separator) + strings.TrimPrefix(name, ":")
	}
	return s.update(ctx, 1, func(tx *writing) error {
		b := tx.Bucket([]byte(bucket))
		there := b.Get([]byte(own))
		if there == nil {
			return fmt.Errorf("nothing is stored under %s", key)
		}
		return tx.put(bucket, []byte(own), mutate(append([]byte{}, there...)))
	})
}

// Tidy has the janitor go through the whole store once.
func (s *Store) Tidy(ctx context.Context) error {
	j := &janitor{store: s}
	for {
		done := false
		err := s.update(ctx, 1, func(tx *writing) error {
			name, due := j.pass(tx.Tx)
			done = name == genBucket && j.bucket == 0
			return remove(tx, name, due)
		})
		if err != nil || done {
			return err
		}
	}
}

// CompactNow starts a compaction unless one is under way.
func (s *Store) CompactNow(ctx context.Context) error {
	return s.update(ctx, 1, func(*writing) error {
		if s.compactor.to != nil {
			return nil
		}
		return s.compactor.begin(0)
	})
}

// Count returns how many keys a bucket holds.
func (s *Store) Count(ctx context.Context, bucket string) (n int, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte(bucket)).Stats().KeyN
		return nil
	})
	return n, err
}

// Hold blocks the writer, in a group of its own, until release is called. It returns once the writer is blocked.
func (s *Store) Hold(ctx context.Context) (release func() error) {
	held, done := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.update(ctx, 1, func(*writing) error {
			close(held)
			<-done
			return nil
		})
	}()
	<-held
	return func() error {
		close(done)
		return <-ended
	}
}

// Waiting returns how many callers wait for the writer.
func (s *Store) Waiting() int { return len(s.writes) }

// OpenBolt opens a file in the way of Open after its check, and closes it.
func OpenBolt(path string, lock time.Duration) error {
	db, err := openBolt(path, Options{Lock: lock})
	if err != nil {
		return err
	}
	return db.Close()
}

// Path returns the path of the file.
func (s *Store) Path() string { return s.path }

// Closing reports whether Close was called.
func (s *Store) Closing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// Transactions returns how many transactions were ever committed to the file.
func (s *Store) Transactions(ctx context.Context) (n int, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		n = tx.ID()
		return nil
	})
	return n, err
}

// OldState encodes a state as earlier versions did.
func OldState(raw []byte) []byte {
	body, err := json.Marshal(parseState(raw))
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, castagnoli)), body...)
}

// Recode decodes and encodes a state, and reports whether it could be decoded.
func Recode(body []byte) ([]byte, bool) {
	var b storedState
	ok := b.decode(body)
	return b.encode(nil), ok
}

// EncodeState encodes a state.
func EncodeState(s kv.State, validators map[string]kv.Validators, last uint64, written int64) []byte {
	b := storedState{
		Last: last, Written: written, Gens: s.Gens, Shapes: s.Shapes, Built: s.Built, BuiltAs: s.BuiltAs, Wanted: s.Wanted, Applied: s.Applied,
		Validators: validators,
	}
	return b.encode(nil)
}

// DecodeState decodes the result of EncodeState.
func DecodeState(body []byte) (s kv.State, validators map[string]kv.Validators, last uint64, written int64, ok bool) {
	var b storedState
	ok = b.decode(body)
	return b.state(), b.Validators, b.Last, b.Written, ok
}

// ValidatorsOf decodes only the validators of an encoded state.
func ValidatorsOf(encoded []byte) map[string]kv.Validators {
	v, ok := decodeValidators(encoded)
	if !ok {
		return nil
	}
	return v
}

// Corrupt is Store.Corrupt of the file that has the key.
func (s *Shards) Corrupt(ctx context.Context, key string, mutate func([]byte) []byte) error {
	_, rest, _ := strings.Cut(key, "{")
	token, _, _ := strings.Cut(rest, "}")
	e, err := item.ParseToken(token)
	if err != nil {
		return err
	}
	return s.fileOf(e).Corrupt(ctx, key, mutate)
}

// Tidy has the janitors go through the whole store once.
func (s *Shards) Tidy(ctx context.Context) error {
	for _, f := range s.files {
		if err := f.Tidy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Count returns how many keys a bucket has in all files.
func (s *Shards) Count(ctx context.Context, bucket string) (sum int, err error) {
	for _, f := range s.files {
		n, err := f.Count(ctx, bucket)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Files returns the files.
func (s *Shards) Files() []*Store { return s.files }

// Of returns the position of an entity's file.
func (s *Shards) Of(e item.Entity) int { return s.of(e) }
