package jsonl

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"vitrine/internal/item"
)

// ErrSpec is a text that is not NAME=FILE[:ID_FIELD][,ENCODING].
var ErrSpec = errors.New("not NAME=FILE[:ID_FIELD][,ENCODING]")

// DefaultIDField is the field that holds a row's id if the spec names none.
const DefaultIDField = "id"

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Spec says which file is served under which name, to which a catalog's url "serve:NAME" refers.
type Spec struct {
	Name     string
	Path     string
	IDField  string            // of a table the name of a column; of JSON a dotted path to a string or a number
	Encoding encoding.Encoding // nil for UTF-8, or what the file's byte order mark says
}

// ParseSpec parses NAME=FILE[:ID_FIELD][,ENCODING]. The part after the last comma is the encoding if it is the name of one. The part
// after a colon is the field, unless the whole is an existing file: after the last colon with an existing file before it, or else after
// the last one. Its errors wrap ErrSpec and name the input.
func ParseSpec(s string) (Spec, error) {
	name, path, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return Spec{}, fmt.Errorf("%q: %w", clip(s), ErrSpec)
	case !namePattern.MatchString(name):
		return Spec{}, fmt.Errorf("%q: %w: the name is not letters, digits, _ and -", clip(s), ErrSpec)
	}
	path, encoding := cutEncoding(path)
	path, field := cutField(path)
	if path == "" || strings.ContainsRune(path, 0) {
		return Spec{}, fmt.Errorf("%q: %w: the file is missing", clip(s), ErrSpec)
	}
	return Spec{Name: name, Path: path, IDField: field, Encoding: encoding}, nil
}

// cutEncoding takes the name of an encoding off the end. A file or a field may have a comma itself.
func cutEncoding(text string) (rest string, found encoding.Encoding) {
	comma := strings.LastIndexByte(text, ',')
	if comma < 0 {
		return text, nil
	}
	found, err := htmlindex.Get(strings.TrimSpace(text[comma+1:]))
	if err != nil {
		return text, nil
	}
	return text[:comma], found
}

func cutField(path string) (file, field string) {
	if isFile(path) {
		return path, DefaultIDField
	}
	for end := len(path); ; {
		colon := strings.LastIndexByte(path[:end], ':')
		if colon < 0 {
			break
		}
		if isFile(path[:colon]) && path[colon+1:] != "" {
			return path[:colon], path[colon+1:]
		}
		end = colon
	}
	colon := strings.LastIndexByte(path, ':')
	if colon < 0 || path[colon+1:] == "" || strings.ContainsAny(path[colon+1:], `/\`) {
		return path, DefaultIDField
	}
	return path[:colon], path[colon+1:]
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// clip shortens input for an error message.
func clip(s string) string { return item.Clip(s, 80) }
