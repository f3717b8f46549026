package boltkv

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/kv"
)

const (
	janitorKeys  = 10_000 // keys examined in one look
	janitorLooks = 5      // the most looks in a row while there is something to remove
)

// janitor removes expired tombstones, and the state of entities without records, a few at a time. Readers already treat
// such tombstones as absent; this frees their space. It runs in the writer's goroutine.
type janitor struct {
	store  *Store
	bucket int    // index of the bucket being walked
	after  []byte // key to continue from
}

// sweep looks at the next keys, and writes only if some are due. The store logs errors; what was not removed is met
// again in the next round.
func (j *janitor) sweep() {
	for range janitorLooks {
		var name string
		var due [][]byte
		err := j.store.transact(false, func(tx *bbolt.Tx) error {
			name, due = j.pass(tx)
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

// pass collects the due keys of a bucket, and advances.
func (j *janitor) pass(tx *bbolt.Tx) (bucket string, due [][]byte) {
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

// present is a stored value, or nil if it is an expired tombstone.
func (s *Store) present(b []byte) []byte {
	if s.expired(nil, b) {
		return nil
	}
	return b
}

// expired reports whether a stored value is an expired tombstone.
func (s *Store) expired(_, b []byte) bool {
	h, err := kv.DecodeHeader(b)
	if err != nil {
		return false
	}
	keep := h.Existence.Keep()
	return keep > 0 && !h.Fetched.IsZero() && s.opt.Now().Sub(h.Fetched) > keep
}

// forgotten reports whether a state belongs to an entity without records and was last written longer ago than an
// unknown entity is kept. So an unknown id leaves nothing behind.
func (s *Store) forgotten(records *bbolt.Cursor, token, raw []byte) bool {
	prefix := append(bytes.Clone(token), separator)
	if k, _ := records.Seek(prefix); bytes.HasPrefix(k, prefix) {
		return false
	}
	return s.opt.Now().Sub(time.Unix(parseState(raw).Written, 0)) > kv.KeepUnknown
}
