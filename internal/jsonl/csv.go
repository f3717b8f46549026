package jsonl

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"vitrine/internal/catalog"
)

// maxHeader is how much of a file is looked at to find its separator.
const maxHeader = 64 << 10

// separator is what separates the columns of a file by its name, without .gz or .zst; 0 for a file of JSON.
func separator(path string) rune {
	path = strings.ToLower(path)
	for _, packed := range []string{".gz", ".zst"} {
		path = strings.TrimSuffix(path, packed)
	}
	switch filepath.Ext(path) {
	case ".csv":
		return ','
	case ".tsv":
		return '\t'
	}
	return 0
}

// csv reads a header of names, and rows of as many columns by RFC 4180. A row becomes an object whose members are strings,
// in the order of the header. The columns of a .csv may be separated by commas, semicolons, tabs or bars. In a .tsv
// a quote within a field stands for itself. Errors count lines.
func (l *loader) csv(in *bufio.Reader, comma rune) error {
	r := csv.NewReader(in)
	r.Comma = comma
	r.LazyQuotes = comma == '\t'
	r.ReuseRecord = true
	if comma == ',' {
		head, _ := in.Peek(maxHeader)
		r.Comma = l.separatorOf(head)
	}
	names, err := l.header(r)
	if err != nil {
		return err
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return l.refuseCSV(err, len(fields), len(names))
		}
		if err := l.ctx.Err(); err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		body, err := l.object(names, fields)
		if err != nil {
			return l.refuse(line, err)
		}
		if err := l.add(line, body); err != nil {
			return err
		}
	}
}

// separatorOf is the separator of a .csv that begins with head: the one by which the header has a column for the id, and otherwise most
// columns.
func (l *loader) separatorOf(head []byte) rune {
	found, best := ',', 0
	for _, comma := range ",;\t|" {
		r := csv.NewReader(bytes.NewReader(head))
		r.Comma = comma
		names, _ := r.Read()
		score := len(names)
		if slices.ContainsFunc(names, func(name string) bool { return strings.TrimSpace(name) == l.field }) {
			score += len(head)
		}
		if score > best {
			found, best = comma, score
		}
	}
	return found
}

// header returns the names of the columns as JSON, each with its colon. One of them must be that of the id.
func (l *loader) header(r *csv.Reader) (names [][]byte, err error) {
	fields, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil // an empty file has no rows
	}
	if err != nil {
		return nil, l.refuseCSV(err, len(fields), len(fields))
	}
	seen := map[string]bool{}
	for i, name := range fields {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			return nil, l.refuse(1, fmt.Errorf("the header's column %d has no name", i+1))
		case seen[name]:
			return nil, l.refuse(1, fmt.Errorf("the header has %q twice", clip(name)))
		}
		seen[name] = true
		text, err := l.quoted(name)
		if err != nil {
			return nil, l.refuse(1, fmt.Errorf("the header's column %d: %w", i+1, err))
		}
		names = append(names, append(text, ':'))
	}
	if !seen[l.field] {
		return nil, l.refuse(1, fmt.Errorf("there is no column %q, which --serve names for the id; there is: %s", l.field, clip(strings.Join(fields, ", "))))
	}
	l.id = catalog.Path{l.field}
	return names, nil
}

// refuseCSV is the error of a row that can't be read.
func (l *loader) refuseCSV(err error, has, wants int) error {
	var at *csv.ParseError
	switch {
	case !errors.As(err, &at):
		return l.refuse(1, err) // of the file itself
	case errors.Is(err, csv.ErrFieldCount):
		return l.refuse(at.StartLine, fmt.Errorf("the row has %d columns, and the header %d", has, wants))
	case errors.Is(err, csv.ErrQuote):
		return l.refuse(at.Line, errors.New(`a quoted field does not end before the next column, or the file ends within one`))
	case errors.Is(err, csv.ErrBareQuote):
		return l.refuse(at.Line, errors.New(`a quote within a field that is not quoted: write "5"" pipe"`))
	}
	return l.refuse(at.Line, at.Err)
}

// object makes a row.
func (l *loader) object(names [][]byte, fields []string) ([]byte, error) {
	body := []byte{'{'}
	for i, field := range fields {
		text, err := l.quoted(field)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i+1, err)
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, names[i]...), text...)
	}
	return append(body, '}'), nil
}

// quoted writes text as JSON. json.Marshal alone would replace what is not UTF-8.
func (l *loader) quoted(s string) ([]byte, error) {
	if err := l.checkText(s); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}
