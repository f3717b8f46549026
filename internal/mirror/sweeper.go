package mirror

import (
	"cmp"
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"slices"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// What a sweep does, as it is given to SweeperConfig.OnSwept.
const (
	Removed = "removed" // blobs
	Asked   = "asked"   // entities
)

// metaSwept names the number of the last removal that the file was swept after.
const metaSwept = "mirror-swept"

// SweeperConfig configures a Sweeper. All fields but the bounds are required.
type SweeperConfig struct {
	File     *File
	From     kv.BlobGetter                                   // the store that the file mirrors
	Catalog  func(context.Context) (*catalog.Catalog, error) // the catalog pushed last; fails if another one is in force here
	Removals func(context.Context) (uint64, error)           // a number that changes when workers have removed what no catalog needs, which they check daily
	Ask      func(context.Context, []item.Entity) error      // announces that entities may have changed
	OnSwept  func(what string, n int)
	Log      *slog.Logger

	Every time.Duration // between checks for a removal; doubled up to 64 times after failures. Defaults to 5 s
	Page  int           // blobs checked together. Defaults to 200
	Rate  int           // blobs a second. Defaults to 1,000
}

// Sweeper removes from a server's own file what the mirrored store no longer has, after workers have removed leftovers
// there. A blob that the store lacks is removed only if the pushed catalog has no name for it. A blob with a name may
// have been lost with its store, and its page depends on this copy. Its entity is announced instead: the blob comes
// back, or a tombstone does, which is copied like any blob.
//
// Nothing is removed that is needed. The file is read first, and then the store. A blob that is written under the same
// name meanwhile has a higher gen, and stays:
//
//	sweeper   reads gen 5 here ── the store has none ─────────────────── removes up to gen 5: it is 6
//	mirror                                           copies gen 6 here
type Sweeper struct{ SweeperConfig }

// NewSweeper makes a sweeper; Run drives it.
func NewSweeper(c SweeperConfig) *Sweeper {
	c.Every = cmp.Or(c.Every, 5*time.Second)
	c.Page = cmp.Or(c.Page, 200)
	c.Rate = cmp.Or(c.Rate, 1000)
	return &Sweeper{c}
}

// Run sweeps whenever workers have removed something, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	failures := 0
	for pause.For(ctx, s.Every<<failures) == nil {
		err := s.sweepIfDue(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures = min(failures+1, 6)
			s.Log.Warn("what the store has no more was not all swept from this server's own file; tried again", "error", err)
		}
	}
	return nil
}

func (s *Sweeper) sweepIfDue(ctx context.Context) error {
	removal, err := s.Removals(ctx)
	if err != nil {
		return err
	}
	note := binary.BigEndian.AppendUint64(nil, removal)
	swept, err := s.File.Meta(ctx, metaSwept)
	if err != nil || removal == 0 || slices.Equal(swept, note) {
		return err
	}
	if err := s.sweep(ctx); err != nil {
		return err
	}
	return s.File.SetMeta(ctx, metaSwept, note)
}

// sweep checks the whole file. What an unavailable part of the store may hold is skipped, and reported at the end.
func (s *Sweeper) sweep(ctx context.Context) (away error) {
	for cursor := ""; ; {
		began := time.Now()
		next, err := s.page(ctx, cursor)
		if err != nil && next == "" {
			return err
		}
		away = cmp.Or(away, err)
		cursor = next
		if cursor == "" {
			return away
		}
		if pause.For(ctx, time.Duration(s.Page)*time.Second/time.Duration(s.Rate)-time.Since(began)) != nil {
			return ctx.Err()
		}
	}
}

// page checks a page of the file. An error with a cursor concerns one part of the store.
func (s *Sweeper) page(ctx context.Context, cursor string) (next string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	c, err := s.Catalog(ctx)
	if err != nil || c == nil {
		return "", cmp.Or(err, item.ErrCatalog)
	}
	keys, next, err := s.File.ScanBlobs(ctx, cursor, s.Page)
	if err != nil {
		return "", err
	}
	own, err := s.File.Blobs(ctx, keys)
	if err != nil {
		return "", err
	}
	there, away := s.From.Blobs(ctx, keys)
	errs := kv.ItemErrors(away, len(keys))
	var gone []kv.BlobSeen
	lost := map[item.Entity]bool{}
	for i, key := range keys {
		switch named := slices.Contains(c.BlobNames(key.Entity.Kind), key.Blob); {
		case errs[i] != nil || there[i].Damaged || there[i].Existence != kv.Absent:
		case !named:
			gone = append(gone, kv.BlobSeen{BlobKey: key, Gen: genOf(own[i])})
		case own[i].Existence == kv.Alive:
			lost[key.Entity] = true
		}
	}
	if err := s.settle(ctx, gone, lost); err != nil {
		return "", err
	}
	return next, away
}

// settle removes blobs, and announces entities.
func (s *Sweeper) settle(ctx context.Context, gone []kv.BlobSeen, lost map[item.Entity]bool) error {
	if len(gone) > 0 {
		removed, err := s.File.RemoveBlobs(ctx, gone)
		if err != nil {
			return err
		}
		s.OnSwept(Removed, count(removed))
	}
	if len(lost) == 0 {
		return nil
	}
	var entities []item.Entity
	for e := range lost {
		entities = append(entities, e)
	}
	if err := s.Ask(ctx, entities); err != nil {
		return err
	}
	s.OnSwept(Asked, len(entities))
	return nil
}

// genOf is the gen up to which a blob is removed. The gen of a damaged one is unknown.
func genOf(b kv.Blob) uint64 {
	if b.Damaged {
		return math.MaxUint64
	}
	return b.Stamp
}

func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}
