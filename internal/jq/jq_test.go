package jq_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"

	"vitrine/internal/jq"
	"vitrine/internal/long"
)

func compile(t testing.TB, text string) *jq.Program {
	t.Helper()
	parsed, err := gojq.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := jq.Compile(text, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plain runs a program on gojq without limits.
func plain(t testing.TB, text string, input any) string {
	t.Helper()
	parsed, err := gojq.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := parsed.Run(input).Next()
	return shown(v)
}

func shown(v any) string {
	if _, ok := v.(error); ok {
		return "an error"
	}
	b, err := gojq.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestProgramsAgreeWithGojq proves that the limits do not change a program's results.
func TestProgramsAgreeWithGojq(t *testing.T) {
	inputs := []any{
		"", "a", "foo bar foo", "ñandú über ñ 日本語 テスト", "a.b,c;d", "<b>x</b>&trade;", nil, 7, 1.5, []any{"a", "b", nil, 1},
		map[string]any{"a": "x", "b": []any{1, 2, map[string]any{"c": "dd"}}, "n": 3},
	}
	for _, text := range []string{
		`def f: 1; {a: f} + {b: f}`, `def f: 2; f * f`, `[def f: 3; f + f]`, `def f: 4; {a: 1} | .a += f`, `def f(g): g; def h: 5; {a: f(h)} | .a *= h`,
		`[match("o"; "g")]`, `[match("(?<first>.)(?<second>x)?"; "g")]`, `match("[a-z]+"; "gi") | .offset`, `[match(["A","gi"]) | .string]`, `match("")`, `[match(""; "g").offset]`,
		`capture("(?<x>[a-z]+) (?<y>[0-9])?")`, `[scan("[a-zñú]")]`, `[scan("([a-z])([a-z])")]`, `[scan("A"; "i")]`,
		`[splits(", *|;")]`, `split("[.,;]"; null)`, `split(",")`, `[splits("")]`,
		`sub("o"; "0")`, `gsub("o"; "0")`, `gsub("(?<l>[a-zñ])"; "<\(.l)>")`, `gsub("^"; ">")`, `gsub("$"; "<")`, `gsub(""; "-")`, `gsub("x*"; "-")`, `[gsub("o"; "a", "b", "c")]`,
		`[gsub("(?<c>.)"; .c, (if .c == "o" then "!" else empty end))]`, `gsub("o"; empty)`, `sub("nothing"; "0")`, `gsub("o"; null)`, `gsub("o"; 1)`, `gsub("&trade;"; "™") | gsub("<[^>]*>"; "")`,
		`test("o")`, `test("O"; "i")`, `match("("; "g")`, `match("a"; "q")`, `gsub("A"; "b"; "i")`,
		`. + .`, `. * 3`, `3 * .`, `. * 0`, `[.] | map(. * 2)`, `. * .`, `.a += "y"`, `.n *= 2`, `.n += 1 | .n`, `.b += [9]`, `(.a, .n) += 1`, `[(.a, .n) | . + .]`,
		`tojson`, `tostring`, `"x\(.)y"`, `@json`, `@html "a\(.)b"`, `@csv "\([.])"`, `@base64 "\(.)"`, `add`, `join("-")`, `flatten`, `[.[]? | tostring] | add`,
		`.["a"]?`, `.b[2].c?`, `.b[1+1]?`, `.[1]?`, `.b[-1]?`, `try error("x") catch .`, `path(..)`, `[paths]`, `.b[1] = 7`, `.b[1+0] |= . + 1`, `del(.b[0], .a)?`, `to_entries?`,
		`def match($x): "mine"; match("a")`, `def f: . + .; [f]`, `reduce range(5) as $i (0; . + $i)`, `{a, "b": .n, "\(.a)": 1}?`, `. as {a: $x} ?// $x | $x`,
	} {
		for _, input := range inputs {
			var got string
			err := compile(t, text).Run(input, func(v any) error { got = shown(v); return nil })
			if err != nil {
				got = "an error"
			}
			if diff := cmp.Diff(plain(t, text, input), got); diff != "" {
				t.Errorf("%s on %v:\n%s", text, input, diff)
			}
		}
	}
}

// TestWorkIsBounded runs programs that would never end or would fill the memory. Each must end with an error. The
// short form gives them a sixteenth of the steps.
func TestWorkIsBounded(t *testing.T) {
	for _, text := range []string{
		`def f: f; f`, `def f: 1 + f; f`, `[range(1e9)]`, `[limit(1e9; repeat(1))]`, `reduce range(1e9) as $i (0; . + 1)`,
		`"x" * 1e9`, `1e9 * "x"`, `reduce range(40) as $i ("x"; . + .)`, `reduce range(40) as $i ("x"; . += .)`, `reduce range(40) as $i ("x"; . * 2)`, `reduce range(40) as $i ("x"; . *= 2)`,
		`reduce range(40) as $i ([1]; . + .)`, `reduce range(40) as $i (1; [., .]) | tojson`, `reduce range(40) as $i (1; [., .]) | "\(.)"`, `reduce range(40) as $i (1; {a: ., b: .}) | tostring`,
		`reduce range(40) as $i (1; [., .]) | @json`, `reduce range(40) as $i (1; [., .]) | flatten`, `("x" * 100000) as $s | [range(10000) | $s] | add`, `("x" * 100000) as $s | [range(10000) | $s] | join("")`,
		`.[1e8] = 1`, `[] | .[10000000] = 1`, `100000000 as $n | .[$n] = 1`, `("x" * 1000000) | gsub(""; "y")`, `("ab" * 500000) | gsub("a"; "123456789012345678901234567890")`,
	} {
		t.Run(text, func(t *testing.T) {
			p := compile(t, text)
			p.Bound(jq.MaxSteps/long.Pick(16, 1), time.Hour)
			err := p.Run(nil, func(any) error { return nil })
			if !errors.Is(err, jq.ErrWork) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestMatchingIsLinear counts instructions and matches, which do not depend on a machine's load. gojq's own gsub
// takes minutes for this text.
func TestMatchingIsLinear(t *testing.T) {
	text := strings.Repeat("ñ <b>x</b> ", 5_000)
	for _, program := range []string{`gsub("<[^>]*>"; "")`, `[splits("<b>")] | length`, `[match("ñ"; "g")] | length`, `gsub("(?<c>x)"; "\(.c)\(.c)") | length`} {
		p := compile(t, program)
		p.Bound(jq.MaxSteps, time.Hour)
		err := p.Run(text, func(v any) error {
			if s, ok := v.(string); ok && strings.Contains(s, "<") {
				return fmt.Errorf("a tag is left")
			}
			return nil
		})
		if err != nil {
			t.Errorf("the program %s: %v", program, err)
		}
	}
}

// TestTimeIsBounded proves that the clock ends a program on a machine where its steps take too long.
func TestTimeIsBounded(t *testing.T) {
	p := compile(t, `def f: f; f`)
	p.Bound(jq.MaxSteps, 0)
	if err := p.Run(nil, func(any) error { return nil }); !errors.Is(err, jq.ErrWork) || !strings.Contains(err.Error(), "it went on for") {
		t.Errorf("error %v", err)
	}
}
