package boltkv

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Options of a Store.
type Options struct {
	Log     *slog.Logger  // required
	Lock    time.Duration // how long to wait for another process to release the file. Defaults to 2 s
	NoSync  bool          // let the operating system decide when to write to disk: faster, but a power failure may damage the file
	Group   int           // records or blobs from which on a transaction accepts no more callers. Defaults to 5,000
	Janitor time.Duration // between looks for expired values and free pages. Defaults to a minute
	Compact int64         // bytes of free pages from which on the file is compacted, if they are half of it. Defaults to 64 MiB

	Now  func() time.Time                       // Defaults to time.Now
	Room func(dir string) (n uint64, err error) // free bytes on a folder's disk. Defaults to the system's answer

	// OnQuarantine is called with the new name of a damaged file before Open returns. May be nil.
	OnQuarantine func(aside string)
}

// The buckets. Tokens and names hold no separator.
const (
	recBucket  = "rec"  // KIND:TOKEN|DIMENSION → an encoded record
	genBucket  = "gen"  // KIND:TOKEN → the entity's state
	blobBucket = "blob" // KIND:TOKEN|BLOB → an encoded blob
	relBucket  = "rel"  // TARGETKIND:TOKEN|KIND|REF|ID → nothing; the id unencoded, for its order
	metaBucket = "meta" // m:NAME → a small value; the sentinel

	sentinel  = "vitrine" // in meta: a file without it is not ours, or has lost pages
	separator = '|'
)

// Store is one file. It is safe for concurrent use.
type Store struct {
	path  string
	run   string // random, for this Open
	opt   Options
	codec kv.Codec
	db    atomic.Pointer[bbolt.DB] // replaced by each compaction

	compactor compactor    // used by the writer only
	free      atomic.Int64 // bytes of free pages at the writer's last look

	writes       chan *write
	stopped      chan struct{} // closed when the writer has ended
	closing      chan struct{} // closed by Close
	once         sync.Once     // for Close
	shut         error         // the error of Close
	damageLogged atomic.Bool   // damage was logged
	broken       atomic.Bool   // bbolt's locks are held for ever; it must not be called any more
}

var (
	_ kv.Records = (*Store)(nil)
	_ kv.Blobs   = (*Store)(nil)
)

// Open opens or creates the file at path. A damaged file is set aside, which is logged, and a new one begun. It fails
// if another process has locked the file, or if the folder can't be written. Open starts the goroutine that writes;
// Close ends it.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	opt.Lock = cmp.Or(opt.Lock, 2*time.Second)
	opt.Group = cmp.Or(opt.Group, 5000)
	opt.Janitor = cmp.Or(opt.Janitor, time.Minute)
	opt.Compact = cmp.Or(opt.Compact, 64<<20)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Room == nil {
		opt.Room = durable.Free
	}
	if opt.Log == nil {
		return nil, errors.New("boltkv: Options.Log must be given")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := openFile(path, opt)
	if damage := (*damageError)(nil); errors.As(err, &damage) {
		if err := setAside(path, opt, damage); err != nil {
			return nil, err
		}
		db, err = openFile(path, opt)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, run: rand.Text(), opt: opt, writes: make(chan *write, 1024), stopped: make(chan struct{}), closing: make(chan struct{})}
	s.db.Store(db)
	s.free.Store(freePages(db))
	s.compactor = compactor{store: s}
	if err := removeCompacting(path); err != nil {
		opt.Log.Warn("what is left of a compaction is in the way of the next one", "path", path, "error", err)
	}
	go s.commitGroups()
	if err := s.useDictionaries(ctx); err != nil {
		opt.Log.Error("the dictionaries can't be read; what was stored with them is taken for damaged", "path", path, "error", err)
	}
	return s, nil
}

// setAside renames the damaged file, so that it can be examined.
func setAside(path string, opt Options, damage *damageError) error {
	aside := fmt.Sprintf("%s.damaged-%d", path, time.Now().UnixNano())
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("set the damaged %s aside: %w", path, err)
	}
	opt.Log.Error("a damaged store was set aside, and a new one begun", "path", path, "aside", aside, "damage", damage.what)
	if opt.OnQuarantine != nil {
		opt.OnQuarantine(aside)
	}
	return nil
}

// Close commits what is waiting, ends the writer, and closes the file.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		if s.broken.Load() {
			s.shut = fmt.Errorf("close %s: %w: it was damaged while open, and is left to the end of the process", s.path, item.ErrUnavailable)
			return
		}
		s.shut = s.db.Load().Close()
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

// Free is the number of bytes in free pages, at most a minute old.
func (s *Store) Free() int64 { return s.free.Load() }
