package jsonl

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"vitrine/internal/item"
)

// ErrSpec is a text that is not NAME=FILE[:ID_FIELD].
var ErrSpec = errors.New("not NAME=FILE[:ID_FIELD]")

// DefaultIDField is the field that holds a row's id if the spec names none.
const DefaultIDField = "id"

var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	fieldPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
)

// Spec says which file is served under which name, to which a catalog's url "serve:NAME" refers.
type Spec struct {
	Name    string
	Path    string
	IDField string // dotted path to a string or a number
}

// ParseSpec parses NAME=FILE[:ID_FIELD]. The part after the last colon is the field, unless the whole is an existing
// file or that part is no simple field name. Its errors wrap ErrSpec and name the input.
func ParseSpec(s string) (Spec, error) {
	name, path, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return Spec{}, fmt.Errorf("%q: %w", clip(s), ErrSpec)
	case !namePattern.MatchString(name):
		return Spec{}, fmt.Errorf("%q: %w: the name is not letters, digits, _ and -", clip(s), ErrSpec)
	}
	path, field := cutField(path)
	if path == "" || strings.ContainsRune(path, 0) {
		return Spec{}, fmt.Errorf("%q: %w: the file is missing", clip(s), ErrSpec)
	}
	return Spec{Name: name, Path: path, IDField: field}, nil
}

func cutField(path string) (file, field string) {
	colon := strings.LastIndexByte(path, ':')
	if colon < 0 || !fieldPattern.MatchString(path[colon+1:]) {
		return path, DefaultIDField
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, DefaultIDField
	}
	return path[:colon], path[colon+1:]
}

// clip shortens input for an error message.
func clip(s string) string { return item.Clip(s, 80) }
