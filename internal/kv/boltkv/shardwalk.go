package boltkv

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// place is where a walk over all files has come. As a cursor it is written FILE/CURSOR, or only as the cursor of the
// file where there is one.
type place struct {
	file   int
	cursor string // of the file; "" at its beginning
}

func (s *Shards) openPlace(cursor string) (place, error) {
	if len(s.files) == 1 || cursor == "" {
		return place{cursor: cursor}, nil
	}
	number, rest, ok := strings.Cut(cursor, "/")
	file, err := strconv.Atoi(number)
	if !ok || err != nil || file < 0 || file >= len(s.files) {
		return place{}, fmt.Errorf("%w: %.80q is no cursor of a store of %d files", item.ErrRefused, cursor, len(s.files))
	}
	return place{file, rest}, nil
}

// after is the cursor after a page of the place's file; next is the file's own cursor. It is "" at the end of the last.
func (s *Shards) after(p place, next string) string {
	if next == "" {
		p.file++
	}
	switch {
	case p.file == len(s.files):
		return ""
	case len(s.files) == 1:
		return next
	}
	return strconv.Itoa(p.file) + "/" + next
}

// walk reads a page of limit, from one file after the other. If a file fails, it first gives what the files before
// hold, and then an error with the cursor of the next file.
func walk[T any](s *Shards, cursor string, limit int, page func(f *Store, cursor string, limit int) ([]T, string, error)) (all []T, next string, err error) {
	if limit < 1 {
		return nil, "", fmt.Errorf("%w: limit %d", item.ErrRefused, limit)
	}
	p, err := s.openPlace(cursor)
	if err != nil {
		return nil, "", err
	}
	for {
		some, next, err := page(s.files[p.file], p.cursor, limit-len(all))
		switch {
		case err != nil && len(all) > 0:
			return all, strconv.Itoa(p.file) + "/" + p.cursor, nil
		case err != nil:
			return nil, s.after(p, ""), err
		}
		all = append(all, some...)
		cursor := s.after(p, next)
		if cursor == "" || len(all) >= limit {
			return all, cursor, nil
		}
		if next == "" {
			p.file++
		}
		p.cursor = next
	}
}

// Related implements kv.Relater.
func (s *Shards) Related(ctx context.Context, of kv.Relation, cursor string, limit int) ([]string, string, error) {
	ids, next, err := walk(s, cursor, limit, func(f *Store, cursor string, limit int) ([]string, string, error) {
		return f.Related(ctx, of, cursor, limit)
	})
	if err != nil {
		return nil, "", err // a list with members left out would be taken for whole
	}
	return ids, next, nil
}

// ScanEntities implements kv.Scanner.
func (s *Shards) ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error) {
	return walk(s, cursor, limit, func(f *Store, cursor string, limit int) ([]item.Entity, string, error) {
		return f.ScanEntities(ctx, cursor, limit)
	})
}

// ScanBlobs implements kv.BlobScanner.
func (s *Shards) ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	return walk(s, cursor, limit, func(f *Store, cursor string, limit int) ([]kv.BlobKey, string, error) {
		return f.ScanBlobs(ctx, cursor, limit)
	})
}

// RemoveLists implements kv.Remover, one file at a time.
func (s *Shards) RemoveLists(ctx context.Context, cursor string, limit int, leftOver func(kv.Relation) bool) (int, string, error) {
	p, err := s.openPlace(cursor)
	if err != nil {
		return 0, "", err
	}
	removed, next, err := s.files[p.file].RemoveLists(ctx, p.cursor, limit, leftOver)
	return removed, s.after(p, next), err
}
