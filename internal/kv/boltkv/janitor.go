package boltkv

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/kv"
)

const (
	janitorKeys  = 10_000 // that one look takes in
	janitorLooks = 5      // in a row, at most, while there is something to remove
)

// janitor removes tombstones that are due to go, and the state of entities that have no records any more, a few at a
// time. Readers take such tombstones for absent already; this gives their room back. It runs in the writer's goroutine.
type janitor struct {
	store  *Store
	bucket int    // of the buckets that it walks through, in turn
	after  []byte // key to go on from
}

// sweep looks at the next keys, and writes only where something is due. Errors are logged by the store; what
// was not removed will be met again.
func (j *janitor) sweep() {
	for range janitorLooks {
		var name string
		var due [][]byte
		err := j.store.transact(false, func(tx *bbolt.Tx) error {
			name, due = j.look(tx)
			return nil
		})
		if err != nil || len(due) == 0 {
			return
		}
		err = j.store.write(func(tx *writing) error { return remove(tx, name, due) })
		if err != nil {
			j.store.opt.Log.Warn("what is due to go was not removed", "path", j.store.path, "error", err)
			return
		}
	}
}

// look gathers keys of a bucket that are due, and moves on.
func (j *janitor) look(tx *bbolt.Tx) (bucket string, due [][]byte) {
	walk := [...]string{recBucket, blobBucket, genBucket}
	bucket = walk[j.bucket]
	forgotten := j.store.expired
	if bucket == genBucket {
		records := tx.Bucket([]byte(recBucket)).Cursor()
		forgotten = func(token, raw []byte) bool { return j.store.forgotten(records, token, raw) }
	}
	c := tx.Bucket([]byte(bucket)).Cursor()
	k, v := c.Seek(j.after)
	for n := 0; k != nil && n < janitorKeys; n++ {
		if forgotten(k, v) {
			due = append(due, bytes.Clone(k))
		}
		k, v = c.Next()
	}
	j.after = bytes.Clone(k)
	if k == nil {
		j.bucket = (j.bucket + 1) % len(walk)
	}
	return bucket, due
}

func remove(tx *writing, bucket string, keys [][]byte) error {
	for _, k := range keys {
		if err := tx.remove(bucket, k); err != nil {
			return err
		}
	}
	return nil
}

// present is a stored value, or nil where it is a tombstone past its time.
func (s *Store) present(b []byte) []byte {
	if s.expired(nil, b) {
		return nil
	}
	return b
}

// expired reports whether a stored value is a tombstone past its time.
func (s *Store) expired(_, b []byte) bool {
	h, err := kv.DecodeHeader(b)
	if err != nil {
		return false
	}
	keep := h.Life.Keep()
	return keep > 0 && !h.Fetched.IsZero() && s.opt.Now().Sub(h.Fetched) > keep
}

// forgotten reports whether a state is of an entity without records, and nobody has written it for as long as an
// unknown entity is kept: an id that nobody has leaves nothing behind.
func (s *Store) forgotten(records *bbolt.Cursor, token, raw []byte) bool {
	prefix := append(bytes.Clone(token), separator)
	if k, _ := records.Seek(prefix); bytes.HasPrefix(k, prefix) {
		return false
	}
	return s.opt.Now().Sub(time.Unix(parseState(raw).Written, 0)) > kv.KeepUnknown
}
