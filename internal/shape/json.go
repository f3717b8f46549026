package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"vitrine/internal/item"
)

// Bounds of JSON that is read or written.
const (
	maxOutput = 8 << 20      // bytes of a program's result
	maxDepth  = 128          // levels in an answer and in a record
	blobDepth = maxDepth + 1 // a blob holds records one level down
)

// decode reads JSON of at most the given number of levels without losing a digit. Errors wrap item.ErrRefused.
func decode(b []byte, levels int) (any, error) {
	if err := check(b, levels); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: no JSON: %w", item.ErrRefused, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the JSON", item.ErrRefused)
	}
	return v, nil
}

// check checks what a JSON decoder accepts too leniently or parses recursively.
func check(b []byte, levels int) error {
	if !utf8.Valid(b) {
		return fmt.Errorf("%w: not UTF-8", item.ErrRefused)
	}
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			if depth > levels {
				return fmt.Errorf("%w: the JSON nests deeper than %d", item.ErrRefused, levels)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// encode writes a program's result. Errors wrap item.ErrRefused.
func encode(v any, levels int) ([]byte, error) {
	left := maxOutput
	if err := fits(v, levels, &left); err != nil {
		return nil, err
	}
	b, err := gojq.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	if len(b) > maxOutput { // escapes make a text longer than fits counts
		return nil, errOutput()
	}
	return b, nil
}

// fits checks a value before it is written, and counts down the bytes that are left. Values made by jq can share their
// parts: reduce range(40) as $i (1; [.,.]) is small, but its text has 2^40 numbers. They can also nest deeper than
// readers accept.
func fits(v any, levels int, left *int) error {
	switch v := v.(type) {
	case string:
		*left -= len(v) + 2
	case json.Number:
		*left -= len(v)
	case []any:
		if levels == 0 {
			return errDepth()
		}
		*left -= 2
		for _, e := range v {
			if err := fits(e, levels-1, left); err != nil {
				return err
			}
		}
	case map[string]any:
		if levels == 0 {
			return errDepth()
		}
		*left -= 2
		for k, e := range v {
			*left -= len(k) + 3
			if err := fits(e, levels-1, left); err != nil {
				return err
			}
		}
	default:
		*left--
	}
	if *left < 0 {
		return errOutput()
	}
	return nil
}

func errOutput() error {
	return fmt.Errorf("%w: the output has more than %d bytes", item.ErrRefused, maxOutput)
}

func errDepth() error { return fmt.Errorf("%w: the output nests too deep", item.ErrRefused) }

// Compact checks JSON that is not interpreted, and removes its white space. Errors wrap item.ErrRefused.
func Compact(answer []byte) ([]byte, error) {
	if err := check(answer, maxDepth); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(answer))
	if err := json.Compact(&b, answer); err != nil {
		return nil, fmt.Errorf("%w: no JSON: %w", item.ErrRefused, err)
	}
	return b.Bytes(), nil
}
