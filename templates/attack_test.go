package templates_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/templates"
)

// hostilePage is page data that is as hostile as possible.
func hostilePage() map[string]any {
	long := strings.Repeat("<", 1<<20)
	options := make([]any, 2000)
	for i := range options {
		options[i] = map[string]any{"name": strings.Repeat("n", i%40) + string(rune('a'+i%26)), "value": "v"}
	}
	siblings := make([]any, 500)
	for i := range siblings {
		siblings[i] = map[string]any{"URL": "/" + strings.Repeat("x", i), "product": map[string]any{"options": options}}
	}
	images := make([]any, 100_000)
	for i := range images {
		images[i] = "/i"
	}
	return map[string]any{
		"n": json.Number("2000000000"), "f": 2e9, "i": 2_000_000_000, "long": long, "copy": strings.Clone(long),
		"list": images, "url": "/x", "Site": map[string]any{"Origin": long, "Lang": "de"},
		"product": map[string]any{"title": "x", "options": options, "images": images}, "siblings": siblings,
		"map": map[string]any{"a": images, "b": images},
	}
}

// spellings of attacks run in the full form only. Each is a loop that the step limit ends in the same way as another
// one.
var spellings = []string{"an assigned variable", "a pipeline", "a length", "a literal in a rune", "an octal literal", "blocks that multiply",
	"break within", "an integer of the data", "nested lists of the data", "a style", "linked data", "continue", "an attribute's name",
	"urlquery that grows", "segment that grows", "printf that doubles", "lists behind if", "a map that is sorted"}

// TestAttacks loads and renders templates that would take minutes or all memory. Each must be refused, or ended by
// its budget.
func TestAttacks(t *testing.T) {
	for name, text := range map[string]string{
		"a variable that counts":    `{{$n := 3000}}{{range $n}}{{range $n}}{{range $n}}{{end}}{{end}}{{end}}`,
		"an assigned variable":      `{{$n := 1}}{{if true}}{{$n = 9999}}{{end}}{{range $n}}{{range $n}}{{end}}{{end}}`,
		"a pipeline":                `{{range 9000 | or 0 | and 1 9000}}{{range and 1 9000}}{{end}}{{end}}`,
		"a length":                  `{{$s := printf "%999d" 1}}{{$s = print $s $s $s $s $s $s $s $s}}{{range len $s}}{{range len $s}}{{end}}{{end}}`,
		"a literal in a rune":       `{{range '\U0010FFFF'}}{{range 'z'}}{{end}}{{end}}`,
		"an octal literal":          `{{range 0o17777777777}}{{end}}`,
		"a call through a variable": `{{define "r"}}{{range .}}{{range $}}{{end}}{{end}}{{end}}{{$n := 5000}}{{template "r" $n}}`,
		"defines that multiply":     `{{define "a"}}{{template "b"}}{{template "b"}}{{end}}` + multiplying(25),
		"blocks that multiply":      strings.Repeat(`{{range 9}}`, 9) + strings.Repeat(`{{end}}`, 9),
		"escaping that multiplies":  strings.Repeat(`{{range .list}}`, 40) + strings.Repeat(`{{end}}`, 40),
		"continue":                  `{{range 99999999}}{{continue}}{{end}}`,
		"break within":              `{{range 99999999}}{{range $.list}}{{break}}{{end}}{{end}}`,
		"a map that is sorted":      `{{range 999999}}{{range $k, $v := $.map}}{{range $v}}{{break}}{{end}}{{end}}{{end}}`,
		"an integer of the data":    `{{range .i}}{{end}}{{range 999999999}}{{end}}`,
		"nested lists of the data":  `{{range .list}}{{range $.list}}{{end}}{{end}}`,
		"lists behind if":           `{{range .list}}{{if .}}{{range $.list}}{{if .}}{{else}}{{end}}{{end}}{{end}}{{end}}`,
		"a text that doubles":       `{{$s := "x"}}{{range 60}}{{$s = print $s $s}}{{end}}`,
		"printf that doubles":       `{{$s := "x"}}{{range 60}}{{$s = printf "%s%[1]s" $s}}{{end}}`,
		"printf of many verbs":      `{{$s := "x"}}{{range 10}}{{$s = printf "` + strings.Repeat("%[1]s", 500) + `" $s}}{{end}}`,
		"printf of a long page":     `{{range 100}}{{$s := printf "%v%[1]v%[1]v%[1]v" $}}{{end}}`,
		"a format of the data":      `{{$f := "%[1]s"}}{{range 16}}{{$f = print $f $f}}{{end}}{{$x := printf $f .long}}`,
		"say that doubles":          `{{$s := "{}{}"}}{{range 60}}{{$s = say . $s $s $s}}{{end}}`,
		"js that doubles":           `{{$s := "<"}}{{range 60}}{{$s = js $s}}{{end}}`,
		"html that grows":           `{{$s := .long}}{{range 99999}}{{$s = html $s}}{{end}}`,
		"urlquery that grows":       `{{$s := .long}}{{range 99999}}{{$s = urlquery $s}}{{end}}`,
		"segment that grows":        `{{$s := .long}}{{range 99999}}{{$s = segment $s}}{{end}}`,
		"absolute that grows":       `{{$s := .url}}{{range 999999}}{{$s = absolute $ $s}}{{end}}`,
		"comparisons of long texts": `{{range 999999}}{{if eq $.long $.copy}}{{end}}{{end}}`,
		"an attribute's name":       `{{range 999999}}<p {{$.long}}>{{end}}`,
		"a style":                   `{{range 999999}}<p style="color: {{$.long}}">{{end}}`,
		"families":                  `{{range 999999}}{{$f := family $}}{{end}}`,
		"linked data":               `{{range 999999}}{{$f := jsonld $}}{{end}}`,
		"the budget itself":         `{{$x := budget_step -1000000}}`,
		"the budget's variable":     `{{range 99999999}}{{$step := 0}}{{end}}`,
		"deep parentheses":          `{{` + strings.Repeat("(", 9000) + `1` + strings.Repeat(")", 9000) + `}}`,
		"deep blocks":               strings.Repeat(`{{if .list}}`, 20_000) + strings.Repeat(`{{end}}`, 20_000),
		"a long action":             `{{or ` + strings.Repeat("(eq .long .copy) ", 50_000) + `}}`,
		"a chain of defines":        chain(900),
		"many templates":            many(20_000),
		"output without end":        `{{range 99999999}}0123456789{{end}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(spellings, name) {
				long.Only(t)
			}
			if !strings.Contains(text, "{{define") {
				text = "{{if .list}}" + text + "{{end}}" // has no effect on the empty page that Load tries
			}
			set, err := load(t, map[string]string{"attack.html": text})
			if err == nil {
				err = set.Render(new(bytes.Buffer), "attack.html", hostilePage())
			}
			if err == nil {
				t.Fatal("it was rendered")
			}
			if name != "the budget itself" && !errors.Is(err, item.ErrRefused) {
				t.Errorf("refused, but not for its work: %.300v", err)
			}
			t.Logf("%.200v", err)
		})
	}
}

// multiplying makes a chain of n templates that each call the next one twice.
func multiplying(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`{{define "` + string(rune('b'+i)) + `"}}`)
		if i < n-1 {
			b.WriteString(strings.Repeat(`{{template "`+string(rune('c'+i))+`"}}`, 3))
		}
		b.WriteString(`{{end}}`)
	}
	return b.String() + `{{template "a"}}`
}

// chain makes n templates that each call the next one.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`{{define "c` + strings.Repeat("x", i) + `"}}{{template "c` + strings.Repeat("x", i+1) + `"}}{{end}}`)
	}
	return b.String() + `{{define "c` + strings.Repeat("x", n) + `"}}{{end}}{{template "c"}}`
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`{{define "` + strings.Repeat("y", i%20) + string(rune('\u4e00'+i)) + `"}}{{range .}}{{end}}{{end}}`)
	}
	return b.String()
}

// TestBudgetsAreOfOnePage proves that each page has a budget of its own, whether pages are rendered one by one or
// concurrently.
func TestBudgetsAreOfOnePage(t *testing.T) {
	set, err := load(t, map[string]string{"page.html": `{{$s := .x}}{{range 8000}}{{$s = print $.x}}{{end}}{{$s}}`})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		t.Run("at a time", func(t *testing.T) {
			t.Parallel()
			for range 20 {
				if got := render(t, set, "page.html", map[string]any{"x": "y"}); got != "y" {
					t.Errorf("the page is %.100s, want y", got)
				}
			}
		})
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	set, err := load(t, map[string]string{
		"page.html": "<p>\n{{template \"part\" .}}", "parts.html": "{{define \"part\"}}\n<a title='{{index .x 99}}'>\n{{end}}",
		"slow.html": "{{if .x}}\n\n{{range 99999999}}\n{{end}}{{end}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"page.html": "parts.html:2: ", "slow.html": "slow.html:3: answer refused: the page takes"} {
		err := set.Render(new(bytes.Buffer), name, map[string]any{"x": []any{1}})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		`{{range 5}}{{.x}}{{end}}`,
		`{{range $i, $x := list .a}}{{text $x | len}}{{end}}`,
		`{{with get . "a" "b"}}{{money . "EUR" "de"}}{{else}}{{number 5 1}}{{end}}`,
		`{{$n := 3000}}{{range $n}}{{range $n}}{{end}}{{end}}`,
		`{{$s := "x"}}{{range 60}}{{$s = print $s $s}}{{end}}`,
		`{{$s := "<"}}{{range 60}}{{$s = js $s | printf "%q%[1]q"}}{{end}}`,
		`{{define "a"}}{{range .}}{{break}}{{else}}{{block "b" .}}x{{end}}{{end}}{{end}}{{template "a" .a}}`,
		`{{range .n}}<p style="{{.}}" {{.}}><script>{{.}}</script>{{continue}}{{end}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := templates.Load(fstest.MapFS{"fuzz.html": {Data: []byte(text)}}, fs.FS(fstest.MapFS{}))
		if err != nil {
			return
		}
		_ = set.Render(new(bytes.Buffer), "fuzz.html", map[string]any{"a": []any{"x", nil}, "n": 2_000_000_000})
	})
}
