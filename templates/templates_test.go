package templates_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t *testing.T, files map[string]string) (*templates.Set, error) {
	t.Helper()
	theme, err := templates.Theme()
	if err != nil {
		t.Fatal(err)
	}
	own := fstest.MapFS{}
	for name, text := range files {
		own[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return templates.Load(own, theme)
}

func render(t *testing.T, s *templates.Set, name string, data any) string {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Render(&buf, name, data); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// fullPage has everything that the theme can show.
func fullPage() map[string]any {
	return map[string]any{
		"sku":     "1",
		"product": map[string]any{"title": "Lamp", "brief": "Bright", "images": []any{"/a.jpg"}, "options": []any{map[string]any{"name": "Colour", "value": "Red"}}, "html": template.HTML("<p>x</p>")},
		"specs":   []any{map[string]any{"group": "Size", "rows": []any{map[string]any{"name": "W", "value": json.Number("1.50")}}}},
		"price":   map[string]any{"amount": "1234.50", "currency": "EUR"}, "stock": map[string]any{"state": "low"},
		"path":  []any{map[string]any{"title": "Home"}},
		"brand": map[string]any{"title": "ACME"}, "siblings": []any{map[string]any{"sku": "a/b", "URL": "/shop/item/a%2Fb.html", "product": map[string]any{"title": "Other"}}},
		"Site": map[string]any{"Lang": "en", "Name": "Demo", "Prefix": "/shop"},
		"Page": map[string]any{"ID": "1", "Kind": "sku", "Live": []any{"offer"}},
	}
}

func TestTheme(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	full := fullPage()
	for _, name := range []string{"item.html", "desc.html", "virtual.html", "off.html", "gone.html", "error.html", "index.html", "list.html"} {
		for kind, data := range map[string]map[string]any{"full": full, "empty": {}} {
			t.Run(name+" "+kind, func(t *testing.T) {
				page := render(t, set, name, data)
				if !strings.HasPrefix(page, "<!DOCTYPE html>") || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "no value") {
					t.Errorf("no whole page: it has no doctype, or shows ZgotmplZ or no value:\n%s", page)
				}
				checkBalanced(t, page)
				for _, inline := range []string{"<script>", "<style", " style=", " onclick="} {
					if strings.Contains(page, inline) {
						t.Errorf("%s is inline", inline)
					}
				}
			})
		}
	}
	page := render(t, set, "item.html", full)
	for _, want := range []string{"<h1>Lamp</h1>", "<p>x</p>", "€1,234.50", "Only a few left", "1.50", "ACME", `href="/shop/item/a%2Fb.html"`, "/shop/assets/site."} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
}

// checkBalanced fails the test where an element is closed without being open, or left open.
func checkBalanced(t *testing.T, page string) {
	t.Helper()
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		name := z.Token().Data
		switch {
		case kind == html.StartTagToken && !strings.Contains(" meta link img ", " "+name+" "):
			open = append(open, name)
		case kind == html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("</%s> inside %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
}

// otherNumbers are endless ranges in other spellings than those of TestAttacks. They run in the full form only.
var otherNumbers = []string{"a large number by name", "a large number by pipe", "a large number as data", "nested ranges"}

func TestLoad(t *testing.T) {
	t.Run("a shop's file replaces the theme's", func(t *testing.T) {
		set, err := load(t, map[string]string{"head.html": "<!DOCTYPE html><p>mine", "assets/site.css": "p{}"})
		if err != nil {
			t.Fatal(err)
		}
		base, err := load(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		if page := render(t, set, "gone.html", nil); !strings.Contains(page, "mine") {
			t.Errorf("%v; want a body with mine", page)
		}
		if set.Revision() == base.Revision() || len(base.Revision()) != 16 {
			t.Errorf("the revisions are %q and of the theme %q, want different ones of 16 characters", set.Revision(), base.Revision())
		}
	})
	for name, c := range map[string]struct{ text, want string }{
		"a syntax error":         {"\n{{if}}", "bad.html:2"},
		"an unknown function":    {"{{safe .x}}", "bad.html:1"},
		"an unsafe context":      {"<script>{{if .a}}'{{end}}</script>", "bad.html"},
		"a missing template":     {`{{template "nothing"}}`, "nothing"},
		"an endless range":       {"\n\n{{range 2000000000}}{{end}}", "bad.html:3"},
		"nested ranges":          {"{{range 1000}}{{range 1000}}{{end}}{{end}}", "the page takes"},
		"a large number by name": {"{{$n := 2000000000}}{{range $n}}{{end}}", "the page takes"},
		"a large number by pipe": {"{{range (or 0 2000000000)}}{{end}}", "the page takes"},
		"a large number as data": {`{{define "r"}}{{range .}}{{end}}{{end}}{{template "r" 99999999}}`, "the page takes"},
		"a range in a define":    {"\n{{define \"r\"}}{{range 2000000000}}{{end}}{{end}}", "bad.html:2"},
		"a circle of calls":      {`{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{template "a"}}{{end}}`, "calls itself"},
		"calls that multiply": {`{{define "a"}}{{range 1000}}x{{end}}{{end}}{{define "b"}}{{range 1000}}{{template "a"}}{{end}}{{end}}` +
			`{{define "c"}}{{range 1000}}{{template "b"}}{{end}}{{end}}`, "the page takes"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if slices.Contains(otherNumbers, name) {
				long.Only(t)
			}
			_, err := load(t, map[string]string{"bad.html": c.text})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
	t.Run("refuses a large file", func(t *testing.T) {
		if _, err := load(t, map[string]string{"big.html": strings.Repeat("x", templates.MaxFile+1)}); !errors.Is(err, item.ErrRefused) {
			t.Error(err)
		}
	})
	t.Run("comparisons may be with any number", func(t *testing.T) {
		if _, err := load(t, map[string]string{"ok.html": "{{if gt 5 1000000}}x{{end}}{{range 10000}}{{end}}"}); err != nil {
			t.Error(err)
		}
	})
}

func TestRender(t *testing.T) {
	set, err := load(t, map[string]string{
		"long.html":  `{{range list .x}}{{range list $.x}}{{range list $.x}}0123456789{{end}}{{end}}{{end}}`,
		"money.html": `{{money .v "EUR" .lang}}|{{number .v .lang}}`,
		"wide.html":  `{{printf .f 5}}`,
		"attr.html":  `<a href="{{.v}}" title="{{text .v}}">{{get . "v" "deep" "er"}}</a>`,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("stops a page without end", func(t *testing.T) {
		if err := set.Render(&bytes.Buffer{}, "long.html", map[string]any{"x": make([]any, 1000)}); !errors.Is(err, item.ErrRefused) {
			t.Error(err)
		}
	})
	t.Run("refuses wide fields", func(t *testing.T) {
		for _, format := range []string{"%9999d", "%*d", "%-0.99999f", "%[1]*d"} {
			if err := set.Render(&bytes.Buffer{}, "wide.html", map[string]any{"f": format}); !errors.Is(err, item.ErrRefused) {
				t.Errorf("the format %q: error %v, want item.ErrRefused", format, err)
			}
		}
		if got := render(t, set, "wide.html", map[string]any{"f": "%05d 100%% 2024"}); got != "00005 100% 2024" {
			t.Errorf("the format gives %q, want 00005 100%% 2024", got)
		}
	})
	t.Run("names a missing template", func(t *testing.T) {
		if err := set.Render(&bytes.Buffer{}, "none.html", nil); !errors.Is(err, templates.ErrNoTemplate) || !strings.Contains(err.Error(), "none.html") {
			t.Error(err)
		}
	})
	t.Run("amounts", func(t *testing.T) {
		for _, c := range []struct{ v, lang, want string }{
			{"1234.50", "en", "€1,234.50|1,234.50"}, {"1234.50", "de-AT", "€\u00a01.234,50|1\u00a0234,50"}, {"-5", "en", "-€5.00|-5"},
			{"12345678901234567890.10", "en", "€12,345,678,901,234,567,890.10|12,345,678,901,234,567,890.10"}, {"soon", "en", "soon|soon"}, {"1.", "en", "1.|1."}, {"", "en", "|"},
		} {
			if got := render(t, set, "money.html", map[string]any{"v": json.Number(c.v), "lang": c.lang}); got != c.want {
				t.Errorf("%q in %s: %q, want %q", c.v, c.lang, got, c.want)
			}
		}
	})
	t.Run("strings are never markup", func(t *testing.T) {
		got := render(t, set, "attr.html", map[string]any{"v": `javascript:alert(1)"><script>`})
		if strings.Contains(got, "<script") || strings.Contains(got, `href="javascript`) {
			t.Errorf(`%+v; want a body without <script, a body without href="javascript`, got)
		}
	})
}

func TestAssets(t *testing.T) {
	set, err := load(t, map[string]string{"assets/app.js": "1", "use.html": `{{asset "app.js"}}{{asset "none.js"}}`})
	if err != nil {
		t.Fatal(err)
	}
	path := render(t, set, "use.html", nil)
	a, ok := set.Asset(strings.TrimPrefix(path, "/assets/"))
	if !ok || string(a.Body) != "1" || !strings.Contains(a.Type, "javascript") {
		t.Errorf("the asset %s is %+v (there: %t)", path, a, ok)
	}
	if _, ok := set.Asset("app.js"); ok {
		t.Error("a name without its hash may not be kept for ever")
	}
}

func BenchmarkRender(b *testing.B) {
	theme, err := templates.Theme()
	if err != nil {
		b.Fatal(err)
	}
	set, err := templates.Load(nil, theme)
	if err != nil {
		b.Fatal(err)
	}
	page, buf := fullPage(), new(bytes.Buffer)
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		if err := set.Render(buf, "item.html", page); err != nil {
			b.Fatal(err)
		}
	}
}
