package jsonl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/encoding"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// duplicatesNamed is how many duplicate ids of a file are named: of a field that is no id at all there may be a million.
const duplicatesNamed = 3

// load reads the file into a new snapshot.
func (t *Table) load(ctx context.Context) (*snapshot, error) {
	info, err := os.Stat(t.spec.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, fmt.Errorf("%s: not a regular file", t.spec.Path)
	}
	f, err := os.Open(t.spec.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err = f.Stat()
	if err != nil { // of the open file, in case another was renamed over it
		return nil, err
	}
	l := &loader{
		ctx: ctx, name: filepath.Base(t.spec.Path), field: t.spec.IDField, id: strings.Split(t.spec.IDField, "."), encoding: t.spec.Encoding,
		distinct: t.spec.Distinct, rows: make(map[string]row), lines: make(map[string]int),
		duplicate: func(id string, first, last int) {
			t.log.Warn("duplicate id, the last row wins", "id", id, "first", first, "last", last)
		},
	}
	if err := l.read(f, t.spec.Path); err != nil {
		return nil, err
	}
	if l.duplicates > duplicatesNamed {
		t.log.Warn("rows have the id of another; is it the right field?", "rows", l.duplicates, "of", l.duplicates+len(l.rows), "field", l.field)
	}
	if l.without > 0 && len(l.rows) == 0 {
		return nil, l.refuse(l.without, fmt.Errorf("no row has a value of %q, which --serve names as %s", l.field, distinctOption))
	}
	return &snapshot{ids: slices.Sorted(maps.Keys(l.rows)), rows: l.rows, file: info}, nil
}

// loader collects rows in one pass over a file.
type loader struct {
	ctx       context.Context
	name      string // of the file, for errors
	field     string
	id        catalog.Path      // where a row has its id
	encoding  encoding.Encoding // nil for UTF-8
	distinct  bool
	without   int // of a distinct field, the last line that has no value
	rows      map[string]row
	lines     map[string]int                   // id → its line
	duplicate func(id string, first, last int) // is called with the first duplicates

	duplicates int // rows whose id another row has had
}

func (l *loader) read(f io.Reader, path string) error {
	plain, done, err := decompress(bufio.NewReader(f), path)
	if err != nil {
		return l.refuse(1, err)
	}
	defer done()
	in := l.decode(bufio.NewReaderSize(&limiter{in: plain, left: MaxFile}, maxHeader))
	if comma := separator(path); comma != 0 {
		return l.csv(in, comma)
	}
	// A line is an object, so a bracket in front can only be an array of rows.
	if head, _ := in.Peek(512); bytes.HasPrefix(bytes.TrimSpace(head), []byte("[")) {
		return l.array(in)
	}
	return l.jsonl(in)
}

func (l *loader) jsonl(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), MaxRow+1)
	n := 0
	for lines.Scan() {
		n++
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := l.add(n, bytes.Clone(line)); err != nil {
				return err
			}
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return l.refuse(n+1, fmt.Errorf("the line is longer than %d bytes", MaxRow))
	case err != nil:
		return l.refuse(n+1, err)
	}
	return nil
}

// array reads one JSON array of rows; its errors count rows, since a row may span lines.
func (l *loader) array(in io.Reader) error {
	dec := json.NewDecoder(in)
	if _, err := dec.Token(); err != nil {
		return l.refuse(1, err)
	}
	n := 0
	for dec.More() {
		n++
		if err := l.ctx.Err(); err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return l.refuse(n, whole(err))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return l.refuse(n, err)
		}
		if err := l.add(n, compact.Bytes()); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return l.refuse(n+1, whole(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return l.refuse(n+1, errors.New("there is something after the array"))
	}
	return nil
}

// add checks one row and keeps it; body must not be used afterwards.
func (l *loader) add(n int, body []byte) error {
	if err := check(body); err != nil {
		return l.refuse(n, err)
	}
	if l.distinct && !hasValue(body, l.id) {
		l.without = n
		return nil
	}
	id, err := idOf(body, l.field, l.id)
	if err != nil {
		return l.refuse(n, err)
	}
	first, ok := l.lines[id]
	switch {
	case ok && l.distinct:
		return nil
	case ok:
		l.duplicates++
		if l.duplicates <= duplicatesNamed {
			l.duplicate(id, first, n)
		}
	}
	l.rows[id] = newRow(body)
	l.lines[id] = n
	return nil
}

func (l *loader) refuse(n int, err error) error {
	return fmt.Errorf("%s:%d: %w: %w", l.name, n, item.ErrRefused, err)
}
