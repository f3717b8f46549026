package shape_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/shape"
)

func TestCleanTidiesLinksAndPictures(t *testing.T) {
	for in, want := range map[string]string{
		`<a href="https://a.example/" rel=opener target=_blank>x</a>`: `<a href="https://a.example/" rel="nofollow noopener">x</a>`,
		`<div><p><img src=a.png loading=eager></p></div>`:             `<div><p><img src="a.png" alt="" loading="lazy"></p></div>`,
		`<h1 title="x">A</h1><h3>b</h3>`:                              `<h2 title="x">A</h2><h3>b</h3>`,
		`<p style="text-align:center">x`:                              `<p>x</p>`,
		"<ul><li>a</li><ul></ul></ul>":                                "<ul><li>a</li></ul>",
		"<ul>\n<li>a</li><ol><li>b</li></ol>c<b>d</b></ul>":           "<ul>\n<li>a</li><li><ol><li>b</li></ol></li><li>c</li><li><b>d</b></li></ul>",
	} {
		if got, err := shape.Clean(in); err != nil || got != want {
			t.Errorf("%s → %s, %v; want %s", in, got, err, want)
		}
	}
}

// Style attributes of this size once kept a CSS parser busy for 40 s. The package's time-out would reveal that.
func TestCleanEndsOnHostileHTML(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, (1<<20-100)/len(s)) }
	// The standard library's parser is slow on these at any length. In the short form they have an eighth of the
	// length.
	nested := func(s string) string { return strings.Repeat(s, long.Pick(1<<17, 1<<20-100)/len(s)) }
	for name, c := range map[string]struct {
		in      string
		refused bool
	}{
		"deep":               {nested("<div>"), true},
		"deep lists":         {nested("<ul><li>"), true},
		"too long":           {strings.Repeat("x", 1<<20+1), true},
		"a long attribute":   {`<p title="` + fill("a") + `">x</p>`, false},
		"many attributes":    {`<p ` + fill("a=1 ") + `>x</p>`, false},
		"styles":             {`<p style="` + fill("color:red;") + `">x</p>`, false},
		"unbalanced styles":  {`<p style="` + fill("{") + `">x</p>`, false},
		"comments in styles": {`<p style="` + fill("/*") + `">x</p>`, false},
		"only less-than":     {nested("<"), false},
		"formatting":         {nested("<b><p>"), false},
		"links":              {nested("<a href=/x>"), false},
		"tables":             {nested("<table><b>"), false},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := shape.Clean(c.in)
			if refused := errors.Is(err, item.ErrRefused); refused != c.refused || err != nil && !refused {
				t.Errorf("error %.200v", err)
			}
			if strings.Contains(out, "style") {
				t.Error("a style is left")
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{`<p>a<div>b</p>c`, `<table><a href=/x>y<tr><td></table>z`, `<b><p></b>x`, `<svg><p><style><img onerror=x>`, `<img src=//a/b.png>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, err := shape.Clean(in)
		if err != nil {
			if !errors.Is(err, item.ErrRefused) {
				t.Error(err)
			}
			return
		}
		root, err := html.Parse(strings.NewReader(`<div>` + out + `</div><p id="after">`))
		if err != nil {
			t.Skip(err) // at the exact limit of nesting levels
		}
		inspect(t, in, root, 0)
		if !has(root, "after", 3) {
			t.Errorf("%q → %q swallows what follows it", in, out)
		}
	})
}

// has reports whether the element with this id is at the given level below the document.
func has(n *html.Node, id string, level int) bool {
	if level == 0 {
		return len(n.Attr) == 1 && n.Attr[0].Key == "id" && n.Attr[0].Val == id
	}
	for c := range n.ChildNodes() {
		if has(c, id, level-1) {
			return true
		}
	}
	return false
}
