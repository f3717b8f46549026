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

// ErrSpec is a text that is not NAME=FILE[:ID_FIELD][,distinct][,ENCODING].
var ErrSpec = errors.New("not NAME=FILE[:ID_FIELD][,distinct][,ENCODING]")

// DefaultIDField is the field that holds a row's id if the spec names none.
const DefaultIDField = "id"

// distinctOption is the word of a spec for Spec.Distinct.
const distinctOption = "distinct"

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Spec says which file is served under which name, to which a catalog's url "serve:NAME" refers.
type Spec struct {
	Name     string
	Path     string
	IDField  string            // of a table the name of a column; of JSON a dotted path to a string or a number
	Distinct bool              // serve the first row of each value of the field; rows without a value have none
	Encoding encoding.Encoding // nil for UTF-8, or what the file's byte order mark says
}

// ParseSpec parses NAME=FILE[:ID_FIELD][,distinct][,ENCODING]. What follows the last commas is an option if it is "distinct" or the name of
// an encoding, in any order. The part after a colon is the field, unless the whole is an existing file: after the last colon with an existing file before it, or else after
// the last one. Its errors wrap ErrSpec and name the input.
func ParseSpec(s string) (Spec, error) {
	name, path, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return Spec{}, fmt.Errorf("%q: %w", clip(s), ErrSpec)
	case !namePattern.MatchString(name):
		return Spec{}, fmt.Errorf("%q: %w: the name is not letters, digits, _ and -", clip(s), ErrSpec)
	}
	spec := Spec{Name: name}
	path = spec.cutOptions(path)
	spec.Path, spec.IDField = cutField(path)
	if spec.Path == "" || strings.ContainsRune(spec.Path, 0) {
		return Spec{}, fmt.Errorf("%q: %w: the file is missing", clip(s), ErrSpec)
	}
	return spec, nil
}

// cutOptions takes options off the end, each at most once. A file or a field may have a comma itself.
func (s *Spec) cutOptions(text string) (rest string) {
	for {
		comma := strings.LastIndexByte(text, ',')
		if comma < 0 || !s.takeOption(strings.TrimSpace(text[comma+1:])) {
			return text
		}
		text = text[:comma]
	}
}

// takeOption reports whether word is an option that s does not have yet.
func (s *Spec) takeOption(word string) bool {
	if word == distinctOption {
		taken := !s.Distinct
		s.Distinct = true
		return taken
	}
	found, err := htmlindex.Get(word)
	if err != nil || s.Encoding != nil {
		return false
	}
	s.Encoding = found
	return true
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
