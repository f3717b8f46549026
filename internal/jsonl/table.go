package jsonl

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync/atomic"
)

// Table is one served file. It is safe for concurrent use.
type Table struct {
	spec Spec
	log  *slog.Logger
	now  atomic.Pointer[snapshot]

	memory   string    // the file that keeps the rows notified of; "" for none
	notified *snapshot // the rows that Watch treats as notified of; nil for those that it finds
}

// snapshot is the content of the file at one time. It is immutable.
type snapshot struct {
	ids  []string // in lexical order
	rows map[string]row
	file fs.FileInfo // taken before the first byte was read
}

// Open reads the whole file. An invalid line is an error that wraps item.ErrRefused and names file and line; a failure
// of the file itself is an error of package os.
func Open(ctx context.Context, spec Spec, log *slog.Logger) (*Table, error) {
	t := &Table{spec: spec, log: log.With("serve", spec.Name)}
	s, err := t.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", spec.Name, err)
	}
	t.now.Store(s)
	return t, nil
}

// Name is the name that the file is served under.
func (t *Table) Name() string { return t.spec.Name }

// Len is the number of rows.
func (t *Table) Len() int { return len(t.now.Load().ids) }

// page is up to limit rows whose ids come after cursor, and the next cursor, "" at the end. A cursor is the last id,
// not a position, so that a reload neither skips nor repeats a row that stays.
func (s *snapshot) page(cursor string, limit int) (rows []row, next string) {
	from, found := slices.BinarySearch(s.ids, cursor)
	if found {
		from++
	}
	to := min(from+limit, len(s.ids))
	for _, id := range s.ids[from:to] {
		rows = append(rows, s.rows[id])
	}
	if to < len(s.ids) {
		next = s.ids[to-1]
	}
	return rows, next
}

// differ lists the ids that were added, changed or removed between two snapshots, in lexical order.
func differ(was, now *snapshot) []string {
	var ids []string
	for id, r := range now.rows {
		if old, ok := was.rows[id]; !ok || old.sum != r.sum {
			ids = append(ids, id)
		}
	}
	for id := range was.rows {
		if _, ok := now.rows[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
