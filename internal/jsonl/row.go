package jsonl

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// MaxRow is the greatest length of a row, in bytes.
const MaxRow = 16 << 20

// row is one row as it is in the file, and its hash.
type row struct {
	body []byte
	sum  [16]byte
}

func newRow(body []byte) row {
	sum := sha256.Sum256(body)
	return row{body: body, sum: [16]byte(sum[:16])}
}

// etag is strong, since the body is sent byte for byte.
func (r row) etag() string { return `"` + hex.EncodeToString(r.sum[:]) + `"` }

// check returns an error unless body, which is not empty, is a row.
func check(body []byte) error {
	if len(body) > MaxRow {
		return fmt.Errorf("the row is longer than %d bytes", MaxRow)
	}
	if !utf8.Valid(body) {
		return errors.New("not UTF-8")
	}
	if body[0] != '{' {
		return fmt.Errorf("not a JSON object: %q", clip(string(body)))
	}
	if !json.Valid(body) {
		var skip json.RawMessage
		return fmt.Errorf("not JSON: %w", json.Unmarshal(body, &skip))
	}
	return nil
}

// hasValue reports whether a row's field is there, and neither null nor empty.
func hasValue(body []byte, at catalog.Path) bool {
	found, _ := shape.Lookup(body, at)
	return found.Type != gjson.Null && found.Raw != `""`
}

// idOf is the row's id as text, a number as it is written.
func idOf(body []byte, field string, at catalog.Path) (string, error) {
	found, _ := shape.Lookup(body, at)
	id := found.String()
	switch found.Type {
	case gjson.Number:
		id = found.Raw
	case gjson.String:
	default:
		if !found.Exists() {
			return "", fmt.Errorf("there is no field %q", field)
		}
		return "", fmt.Errorf("the field %q is neither a string nor a number: %q", field, clip(found.Raw))
	}
	if err := item.CheckID(id); err != nil {
		return "", fmt.Errorf("the field %q: %w", field, err)
	}
	return strings.Clone(id), nil // what was found is a part of a copy of the whole row, which would stay in memory with it
}
