package boltkv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// layout gives the paths of a store's files in a folder.
func layout(dir string, n int) []string {
	if n == 1 {
		return []string{filepath.Join(dir, "store.db")}
	}
	paths := make([]string, n)
	for i := range paths {
		paths[i] = filepath.Join(dir, fmt.Sprintf("store-%d-of-%d.db", i+1, n))
	}
	return paths
}

var fileName = regexp.MustCompile(`^store(?:-[0-9]+-of-([0-9]+))?\.db$`)

// checkLayout refuses a folder with files of a store of another number of files: opened beside them, an empty store
// would be filled while they lie there forgotten, and would be older should anybody go back to them.
func checkLayout(dir string, n int) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for the files of a store: %w", err)
	}
	for _, e := range entries {
		name := fileName.FindStringSubmatch(e.Name())
		if name == nil {
			continue
		}
		of := 1
		if name[1] != "" {
			of, _ = strconv.Atoi(name[1]) // of digits; one that is too large is no number of files
		}
		if of != n {
			return fmt.Errorf("%s belongs to a store of %d files, not of %d: open it with %d, or move its files away, and everything is fetched again",
				filepath.Join(dir, e.Name()), of, n, of)
		}
	}
	return nil
}

// shardMeta holds which file of how many it is. A single file has none.
const shardMeta = "shard"

func shardName(i, n int) string { return fmt.Sprintf("file %d of %d", i+1, n) }

// identify writes into each new file which one it is, and refuses one that has been renamed: what it holds would not be
// found there.
func (s *Shards) identify(ctx context.Context) error {
	if len(s.files) == 1 {
		return nil
	}
	for i, f := range s.files {
		want := shardName(i, len(s.files))
		is, err := f.Meta(ctx, shardMeta)
		if err != nil {
			return err
		}
		if string(is) == want {
			continue
		}
		empty, err := f.isEmpty(ctx)
		if err != nil {
			return err
		}
		switch {
		case is != nil:
			return fmt.Errorf("open %s: by its content it is %s; give it its name back", f.path, is)
		case !empty:
			return fmt.Errorf("open %s: it was not written as %s; move it away, and what it lacks is fetched again", f.path, want)
		}
		if err := f.SetMeta(ctx, shardMeta, []byte(want)); err != nil {
			return err
		}
	}
	return nil
}

// isEmpty reports whether a file has neither entities nor blobs.
func (s *Store) isEmpty(ctx context.Context) (bool, error) {
	entities, _, err := s.ScanEntities(ctx, "", 1)
	if err != nil {
		return false, err
	}
	blobs, _, err := s.ScanBlobs(ctx, "", 1)
	return len(entities)+len(blobs) == 0, err
}
