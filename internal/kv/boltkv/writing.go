package boltkv

import "go.etcd.io/bbolt"

// writing is a transaction of the writer. All writes go through put and remove, which record them for a running
// compaction.
type writing struct {
	*bbolt.Tx
	touched []touch
}

// touch is a key whose value may have changed.
type touch struct {
	bucket string
	key    []byte
}

func (w *writing) put(bucket string, key, value []byte) error {
	w.touched = append(w.touched, touch{bucket, key})
	return w.Bucket([]byte(bucket)).Put(key, value)
}

func (w *writing) remove(bucket string, key []byte) error {
	w.touched = append(w.touched, touch{bucket, key})
	return w.Bucket([]byte(bucket)).Delete(key)
}

// write runs f in a transaction of the writer's goroutine.
func (s *Store) write(f func(tx *writing) error) error {
	var w writing
	err := s.transact(true, func(tx *bbolt.Tx) error {
		w.Tx = tx
		return f(&w)
	})
	s.compactor.follow(w.touched) // after a failure, too: it copies what is stored
	return err
}
