package boltkv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// MaxShards is the largest number of files of a Shards.
const MaxShards = 64

// Shards is a store in one file or several. All that is stored of an entity is in one file, which its token decides:
//
//	records, state, blobs of an entity            in its file
//	its memberships in lists of other entities    in its file, too
//
// So each write of package kv is one transaction of one file, as if there were no others, and different files commit at
// the same time. A list has members in every file.
type Shards struct {
	files  []*Store
	adding sync.Mutex // held while a dictionary is added, so that all files have them in one order
}

var (
	_ kv.Records      = (*Shards)(nil)
	_ kv.Blobs        = (*Shards)(nil)
	_ kv.Dictionaries = (*Shards)(nil)
)

// OpenShards opens or creates the files of a store in a folder, each in the way of Open: store.db, or store-1-of-N.db to
// store-N-of-N.db. It refuses a folder that has a store of another number of files.
func OpenShards(ctx context.Context, dir string, n int, opt Options) (*Shards, error) {
	if n < 1 || n > MaxShards {
		return nil, fmt.Errorf("a store has 1 to %d files, not %d", MaxShards, n)
	}
	if err := checkLayout(dir, n); err != nil {
		return nil, err
	}
	s := &Shards{files: make([]*Store, n)}
	var group errgroup.Group // each walks its whole file
	for i, path := range layout(dir, n) {
		group.Go(redact.Guard(func() (err error) {
			s.files[i], err = Open(ctx, path, opt)
			return err
		}))
	}
	err := group.Wait()
	if err == nil {
		err = s.identify(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.shareDictionaries(ctx)
	return s, nil
}

// Close closes all files.
func (s *Shards) Close() error {
	errs := make([]error, len(s.files))
	for i, f := range s.files {
		if f != nil { // it could be opened
			errs[i] = f.Close()
		}
	}
	return errors.Join(errs...)
}

// of is the file of an entity. Its number must never change while there are files.
func (s *Shards) of(e item.Entity) int {
	if len(s.files) == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(e.Token()))
	return int(h.Sum32() % uint32(len(s.files)))
}

func (s *Shards) fileOf(e item.Entity) *Store { return s.files[s.of(e)] }

// Size is the size of all files in bytes.
func (s *Shards) Size() (n int64) {
	for _, f := range s.files {
		n += f.Size()
	}
	return n
}

// Free is the number of bytes in free pages of all files, at most a minute old.
func (s *Shards) Free() (n int64) {
	for _, f := range s.files {
		n += f.Free()
	}
	return n
}

// Parts implements kv.Lineage: each file is a part.
func (s *Shards) Parts(ctx context.Context) ([]kv.Shard, error) {
	parts := make([]kv.Shard, len(s.files))
	for i, f := range s.files {
		one, err := f.Parts(ctx)
		if err != nil {
			return nil, err
		}
		parts[i] = one[0]
		if len(s.files) > 1 {
			parts[i].Name = shardName(i, len(s.files))
		}
	}
	return parts, nil
}

// Mark implements kv.Lineage.
func (s *Shards) Mark(ctx context.Context, parts []kv.Shard, mark []byte) error {
	var failed []error
	for i, f := range s.files {
		for _, p := range parts {
			if len(s.files) == 1 || p.Name == shardName(i, len(s.files)) {
				failed = append(failed, f.Mark(ctx, []kv.Shard{p}, mark))
			}
		}
	}
	return errors.Join(failed...)
}
