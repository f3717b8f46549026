package jq

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/itchyny/gojq"
)

// Names of this package's functions, as rewritten programs call them.
const (
	fits   = "__fits"   // its input, if it is within MaxSize
	small  = "__small"  // its input, if its serialised form is within MaxSize
	near   = "__near"   // its input, if it is no index beyond MaxIndex
	times  = "__times"  // the product of two values
	found  = "__found"  // the results of match, as an array
	parts  = "__parts"  // the texts between matches, and the matches' captures
	joined = "__joined" // the results of sub
)

// functions are created for each compiled program, which only one goroutine runs at a time.
func functions() []gojq.CompilerOption {
	m := matcher{compiled: map[[2]string]*expression{}}
	product := newProduct()
	return []gojq.CompilerOption{
		gojq.WithFunction(fits, 0, 0, func(v any, _ []any) any { return orError(v, checkLength(v)) }),
		gojq.WithFunction(small, 0, 0, func(v any, _ []any) any { return orError(v, checkSize(v)) }),
		gojq.WithFunction(near, 0, 0, func(v any, _ []any) any { return orError(v, checkPlace(v)) }),
		gojq.WithFunction(times, 2, 2, func(_ any, args []any) any { return product(args[0], args[1]) }),
		gojq.WithFunction(found, 2, 2, func(v any, args []any) any { return orError(m.findAll(v, args[0], args[1])) }),
		gojq.WithFunction(parts, 2, 2, func(v any, args []any) any { return orError(m.cut(v, args[0], args[1])) }),
		gojq.WithFunction(joined, 2, 2, func(_ any, args []any) any { return orError(join(args[0], args[1])) }),
	}
}

// orError returns an error in the way gojq expects it.
func orError(v any, err error) any {
	if err != nil {
		return err
	}
	return v
}

func checkLength(v any) error {
	switch v := v.(type) {
	case string:
		if len(v) > MaxSize {
			return fmt.Errorf("%w: a text of %d bytes", ErrWork, len(v))
		}
	case []any:
		if len(v) > MaxItems {
			return fmt.Errorf("%w: an array of %d members", ErrWork, len(v))
		}
	}
	return nil
}

func checkSize(v any) error {
	if measure(v, MaxSize) < 0 {
		return fmt.Errorf("%w: a value of more than %d bytes", ErrWork, MaxSize)
	}
	return nil
}

func checkPlace(v any) error {
	if n, ok := gojq.ToFloat64(v); ok && n > MaxIndex {
		return fmt.Errorf("%w: place %v of an array", ErrWork, v)
	}
	return nil
}

// measure returns left minus the size of v's JSON; it stops counting below 0.
func measure(v any, left int) int {
	left--
	switch v := v.(type) {
	case string:
		return left - len(v)
	case []any:
		for i := 0; i < len(v) && left >= 0; i++ {
			left = measure(v[i], left)
		}
	case map[string]any:
		for k, member := range v {
			if left < 0 {
				break
			}
			left = measure(member, left-len(k))
		}
	}
	return left
}

// newProduct makes gojq's product, with a check of the size before a string is repeated.
func newProduct() func(left, right any) any {
	parsed, err := gojq.Parse(".[0] * .[1]")
	if err != nil {
		panic(err) // a constant
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		panic(err)
	}
	return func(left, right any) any {
		if err := cmp.Or(checkRepeat(left, right), checkRepeat(right, left)); err != nil {
			return err
		}
		v, _ := code.Run([]any{left, right}).Next()
		return v
	}
}

func checkRepeat(text, count any) error {
	s, isText := text.(string)
	n, isNumber := gojq.ToFloat64(count)
	if isText && isNumber && n*float64(len(s)) > MaxSize {
		return fmt.Errorf("%w: a text of %d bytes, %v times", ErrWork, len(s), count)
	}
	return nil
}

// join assembles the results of sub. between holds the texts around the matches, outputs the replacements of each
// match. The first result uses the first output of each match, the second the second, as far as there are any; nil if
// there are none.
func join(between, outputs any) (any, error) {
	gaps, _ := between.([]any)
	matches, _ := outputs.([]any)
	most := 0
	for _, m := range matches {
		most = max(most, len(m.([]any)))
	}
	if most == 0 {
		return nil, nil
	}
	texts := make([]strings.Builder, most)
	size := 0
	for i, m := range matches {
		for k, output := range m.([]any) {
			text, ok := output.(string)
			if !ok && output != nil {
				return nil, errors.New("sub: what stands for a match must be a text")
			}
			gap := gaps[i].(string)
			size += len(gap) + len(text)
			if size > MaxSize {
				return nil, fmt.Errorf("%w: sub makes more than %d bytes", ErrWork, MaxSize)
			}
			texts[k].WriteString(gap)
			texts[k].WriteString(text)
		}
	}
	tail := gaps[len(gaps)-1].(string)
	out := make([]any, most)
	for k := range texts {
		texts[k].WriteString(tail)
		out[k] = texts[k].String()
	}
	return out, nil
}
