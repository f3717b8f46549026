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

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Options of a Store.
type Options struct {
	Log     *slog.Logger  // needed
	Lock    time.Duration // to wait for another process to let the file go. Defaults to 2 s
	NoSync  bool          // leave it to the operating system when to write to disk: quicker, and a power failure may cost the file
	Group   int           // records or blobs from which on a transaction takes no more callers in. Defaults to 5,000
	Janitor time.Duration // between looks for what is due to go, free pages included. Defaults to a minute
	Compact int64         // bytes of free pages from which on the file is compacted, if they are half of it. Defaults to 64 MiB

	Now  func() time.Time                       // Defaults to time.Now
	Room func(dir string) (n uint64, err error) // bytes that a folder's disk has left. Defaults to what the system says

	// OnQuarantine is told where a damaged file was set aside, before Open returns. May be nil.
	OnQuarantine func(aside string)
}

// The buckets. Tokens and names hold no separator.
const (
	recBucket  = "rec"  // KIND:TOKEN|DIMENSION → an encoded record
	genBucket  = "gen"  // KIND:TOKEN → the entity's state
	blobBucket = "blob" // KIND:TOKEN|BLOB → an encoded blob
	relBucket  = "rel"  // TARGETKIND:TOKEN|KIND|REF|ID → nothing; the id as it is, for its order
	metaBucket = "meta" // m:NAME → a small value; the sentinel

	sentinel  = "vitrine" // in meta: a file without it is not ours, or has lost its pages
	separator = '|'
)

// Store is one file. It is safe for concurrent use.
type Store struct {
	path  string
	run   string // random; of this Open
	opt   Options
	codec kv.Codec
	db    atomic.Pointer[bbolt.DB] // another one after each compaction

	compactor compactor    // the writer's
	free      atomic.Int64 // bytes of free pages, when the writer looked last

	writes  chan *write
	stopped chan struct{} // closed by the writer when it has ended
	closing chan struct{} // closed by Close
	once    sync.Once     // of Close
	shut    error         // what Close found
	told    atomic.Bool   // damage was logged
	broken  atomic.Bool   // bbolt's locks are held for ever; nothing may be asked of it any more
}

var (
	_ kv.Records = (*Store)(nil)
	_ kv.Blobs   = (*Store)(nil)
)

// Open opens or makes the file at path. A damaged one is set aside, which is logged, and a new one begun. Errors
// tell of a file that is locked by another process, or of a folder that can't be written. Open starts the
// goroutine that writes, and Close ends it.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	opt.Lock = cmp.Or(opt.Lock, 2*time.Second)
	opt.Group = cmp.Or(opt.Group, 5000)
	opt.Janitor = cmp.Or(opt.Janitor, time.Minute)
	opt.Compact = cmp.Or(opt.Compact, 64<<20)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Room == nil {
		opt.Room = room
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

// setAside makes room for a new file. The old one is kept, for whoever wants to know.
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

// Close ends the writer after what waits is committed, and closes the file.
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

// Free is how many bytes of the file nothing is in, as it was a minute ago at most.
func (s *Store) Free() int64 { return s.free.Load() }
