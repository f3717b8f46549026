package boltkv

import (
	"bytes"
	"context"
	"slices"

	"vitrine/internal/kv"
)

// Each file has all dictionaries that its own values need, so that no file depends on another.

// Codec is that of the first file. All files have the same dictionaries.
func (s *Shards) Codec() *kv.Codec { return s.files[0].Codec() }

// Dictionaries implements kv.Dictionaries.
func (s *Shards) Dictionaries(ctx context.Context) ([][]byte, error) {
	return s.files[0].Dictionaries(ctx)
}

// AddDictionary implements kv.Dictionaries. The first file decides whether it is accepted.
func (s *Shards) AddDictionary(ctx context.Context, dictionary []byte) error {
	s.adding.Lock()
	defer s.adding.Unlock()
	for _, f := range s.files {
		if err := f.AddDictionary(ctx, dictionary); err != nil {
			return err
		}
	}
	return nil
}

// shareDictionaries gives each file what it lacks of the longest list: one that was begun anew has none, and a crash may
// have left the newest in some files only. A file without them is only larger, so errors are logged.
func (s *Shards) shareDictionaries(ctx context.Context) {
	var longest [][]byte
	lists := make([][][]byte, len(s.files))
	for i, f := range s.files {
		lists[i], _ = f.Dictionaries(ctx) // Open has logged that they can't be read
		if len(lists[i]) > len(longest) {
			longest = lists[i]
		}
	}
	for i, f := range s.files {
		has := len(lists[i])
		if !slices.EqualFunc(lists[i], longest[:has], bytes.Equal) {
			continue // they will have the next ones
		}
		for _, d := range longest[has:] {
			if err := f.AddDictionary(ctx, d); err != nil {
				f.opt.Log.Warn("a file of the store does not get the dictionaries of the others", "path", f.path, "error", err)
				break
			}
		}
	}
}
