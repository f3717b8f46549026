package jq_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"vitrine/internal/jq"
)

// value draws JSON values as a decoder yields them.
func value(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.SampledFrom([]any{json.Number("12345678901234567890.10"), json.Number("1e400"), json.Number("-0"), json.Number("7")}),
	}
	if depth > 0 {
		members := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "if", "title"}), rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 4)
		list := rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 3)
		object := rapid.Map(members, func(m map[string]any) any { return m })
		kinds = append(kinds, object, object, object, rapid.Map(list, func(l []any) any { return l }))
	}
	return rapid.OneOf(kinds...)
}

// TestSelectionsAgreeWithGojq proves that a program that only selects members gives the same as gojq, and that a
// program which merely resembles one does too.
func TestSelectionsAgreeWithGojq(t *testing.T) {
	programs := map[string]*jq.Program{}
	for _, text := range []string{
		`{a}`, `{a, b, title}`, `{a: .b}`, `{a: .b.c}`, `{a, a: .b, b: .a.b.c.a}`, `{if: .if}`, `{a: .a, x: .c.title}`, `{}`,
		`{"a": .b}`, `{a: ."b"}`, `{a: .b?}`, `{a: .b[]}`, `{a: .b[0]}`, `{(.title): 1}`, `{a: (.b, .c)}`, `{a: .}`, `{a: 1}`, `{a: .b} | .a`, `{a} + {b}`,
		`. as $a | {$a}`, `def a: 1; {a: a}`, `{a: .b}.a`, `{a: .b | .c}`, `{a: -.b}`, `{a: .["b"]}`, `{"\(.title)": .a}`,
	} {
		programs[text] = compile(t, text)
	}
	rapid.Check(t, func(r *rapid.T) {
		input := value(3).Draw(r, "input")
		for text, p := range programs {
			got := "an error"
			_ = p.Run(input, func(v any) error { got = shown(v); return nil })
			if want := plain(t, text, input); got != want {
				r.Errorf("%s gives %s, and gojq %s", text, got, want)
			}
		}
	})
}

// BenchmarkSelection runs the most common kind of program in a catalog.
func BenchmarkSelection(b *testing.B) {
	p := compile(b, `{title, brief, images, options, brand, rev}`)
	input := map[string]any{"title": "x", "brief": "y", "images": []any{}, "options": []any{}, "brand": "z", "rev": json.Number("7"), "warehouse": nil}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(input, func(any) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
