package boltkv

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Options of a Store.
type Options struct {
	Log     *slog.Logger  // needed
	Lock    time.Duration // to wait for another process to let the file go. Defaults to 2 s
	NoSync  bool          // leave it to the operating system when to write to disk: quicker, and a power failure may cost the file
	Check   int64         // bytes up to which a file's whole structure is checked at the start. Defaults to 64 MiB
	Group   int           // writes in one transaction at most. Defaults to 5,000
	Janitor time.Duration // between looks for tombstones that are due to go. Defaults to a minute
}

// The buckets. Keys are tokens, which hold no separator.
const (
	recBucket  = "rec"  // KIND:TOKEN|DIMENSION → an encoded record
	genBucket  = "gen"  // KIND:TOKEN → the entity's books, JSON
	blobBucket = "blob" // KIND:TOKEN|BLOB → an encoded blob
	relBucket  = "rel"  // TARGETKIND:TOKEN|KIND|REF|TOKEN → nothing
	metaBucket = "meta"

	sentinel  = "vitrine" // in meta: a file without it is not ours, or has lost its pages
	separator = '|'
)

// Store is one file. It is safe for concurrent use.
type Store struct {
	path string
	opt  Options
	db   *bbolt.DB

	writes   chan *write
	stopped  chan struct{} // closed by the writer when it has ended
	closing  chan struct{} // closed by Close
	once     sync.Once
	shut     error
	suspects atomic.Bool // a read or write met damage in the file's structure
}

// write is one caller's work in a group.
type write struct {
	do   func(tx *bbolt.Tx) error
	done chan error
}

// Open opens or makes the file at path. A damaged one is set aside, which is logged. Errors tell of a file
// that is locked by another process, or of a folder that can't be written. Open starts the writer, Close ends it.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	opt.Lock = cmp.Or(opt.Lock, 2*time.Second)
	opt.Check = cmp.Or(opt.Check, 64<<20)
	opt.Group = cmp.Or(opt.Group, 5000)
	opt.Janitor = cmp.Or(opt.Janitor, time.Minute)
	if opt.Log == nil {
		return nil, errors.New("boltkv: Options.Log must be given")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := openFile(path, opt)
	if damage := (*damageError)(nil); errors.As(err, &damage) {
		aside := fmt.Sprintf("%s.damaged-%d", path, time.Now().UnixNano())
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("set the damaged %s aside: %w", path, err)
		}
		os.Remove(suspectPath(path))
		opt.Log.Error("a damaged store was set aside, and a new one begun", "path", path, "aside", aside, "damage", damage.what)
		db, err = openFile(path, opt)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, opt: opt, db: db, writes: make(chan *write, 1024), stopped: make(chan struct{}), closing: make(chan struct{})}
	go s.commitGroups()
	return s, nil
}

// Close ends the writer after what waits is committed, and closes the file.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		s.shut = s.db.Close()
	})
	return s.shut
}

// Size is the file's size in bytes.
func (s *Store) Size() int64 {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// view runs a read. A fault in the file's structure becomes item.ErrUnavailable, and has the file checked
// at the next Open.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer s.recover(&err)
	return s.failed("read", s.db.View(f))
}

// recover turns a panic over a damaged page into an error.
func (s *Store) recover(err *error) {
	r := recover()
	if r == nil {
		return
	}
	if !s.suspects.Swap(true) {
		s.opt.Log.Error("the store's file is damaged; it will be checked, and set aside, at the next start", "path", s.path, "panic", fmt.Sprint(r))
		os.WriteFile(suspectPath(s.path), nil, 0o644)
	}
	*err = fmt.Errorf("%w: %s is damaged: %v", item.ErrUnavailable, s.path, r)
}

func (s *Store) failed(what string, err error) error {
	if err == nil || errors.Is(err, item.ErrChanged) || errors.Is(err, item.ErrRefused) {
		return err
	}
	return fmt.Errorf("%s %s: %w: %w", what, s.path, item.ErrUnavailable, err)
}

// Epoch is the file's random mark.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	b, err := s.Meta(ctx, kv.EpochKey)
	return string(b), err
}

// Meta reads a small named value; nil for one never set.
func (s *Store) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(metaBucket)).Get([]byte("m:" + name)); b != nil {
			value = append([]byte{}, b...)
		}
		return nil
	})
	return value, err
}

// SetMeta writes a small named value.
func (s *Store) SetMeta(ctx context.Context, name string, value []byte) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(metaBucket)).Put([]byte("m:"+name), value)
	})
}

func newEpoch() []byte {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return []byte(hex.EncodeToString(b))
}
