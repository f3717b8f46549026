package boltkv

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/kv"
)

// janitorKeys is how many keys one look takes in.
const janitorKeys = 5000

// janitor removes tombstones that are due to go, a few at a time. Readers take them for absent already; this
// gives their room back. It runs in the writer's goroutine.
type janitor struct {
	store  *Store
	bucket int    // of records, then of blobs
	after  []byte // key to go on from
}

// sweep looks at the next keys, and writes only where something is due. Errors are logged by the store; what
// was not removed will be met again.
func (j *janitor) sweep() {
	name := []byte([]string{recBucket, blobBucket}[j.bucket])
	var due [][]byte
	err := j.store.transact(false, func(tx *bbolt.Tx) error {
		due = j.look(tx.Bucket(name).Cursor())
		return nil
	})
	if err != nil || len(due) == 0 {
		return
	}
	err = j.store.transact(true, func(tx *bbolt.Tx) error {
		for _, k := range due {
			if err := tx.Bucket(name).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		j.store.opt.Log.Warn("tombstones were not removed", "path", j.store.path, "error", err)
	}
}

// look gathers keys that are due, and moves on.
func (j *janitor) look(c *bbolt.Cursor) (due [][]byte) {
	k, v := c.Seek(j.after)
	for n := 0; k != nil && n < janitorKeys; n++ {
		if expired(v) {
			due = append(due, bytes.Clone(k))
		}
		k, v = c.Next()
	}
	j.after = bytes.Clone(k)
	if k == nil {
		j.bucket = 1 - j.bucket
	}
	return due
}

// present is a stored value, or nil where it is a tombstone past its time.
func present(b []byte) []byte {
	if expired(b) {
		return nil
	}
	return b
}

// expired tells whether a stored value is a tombstone past its time.
func expired(b []byte) bool {
	h, err := kv.DecodeHeader(b)
	if err != nil {
		return false
	}
	keep := h.Life.Keep()
	return keep > 0 && !h.Fetched.IsZero() && time.Since(h.Fetched) > keep
}
