package shape_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// declare makes a kind with the dimension sku.product and the blob item, with the given keys.
func declare(t testing.TB, dimension, blob string) *catalog.Kind {
	t.Helper()
	c, err := catalog.Parse([]byte(`version: 1
upstreams: { shop: { url: "http://127.0.0.1:1" } }
entities:
  sku:
    dimensions: { product: { from: shop, get: "/{id}" `+dimension+` }, specs: { from: shop, get: "/{id}" } }
    blobs: { item: { of: [product, specs] `+blob+` } }
  brand: { dimensions: { brand: { from: shop, get: "/{id}" } }, blobs: { card: { of: [brand] } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Kinds["sku"]
}

func TestMakeRecord(t *testing.T) {
	for _, c := range []struct {
		name, keys, answer, body, version string
		gone                              bool
		err                               error
	}{
		{name: "as it is, compact", answer: ` { "b": 5.10, "a": 12345678901234567890.12 } `, body: `{"b":5.10,"a":12345678901234567890.12}`},
		{name: "picked, numbers exact", keys: `, pick: "{a: .x, b: .y}"`, answer: `{"x":5.10,"y":9223372036854775808}`, body: `{"a":5.10,"b":9223372036854775808}`},
		{name: "a version of 20 digits", keys: `, version: v`, answer: `{"v":18446744073709551616}`, body: `{"v":18446744073709551616}`, version: "18446744073709551616"},
		{name: "a version that is text", keys: `, version: .m.v`, answer: `{"m":{"v":"7"}}`, body: `{"m":{"v":"7"}}`, version: "7"},
		{name: "no version where one is due", keys: `, version: v`, answer: `{}`, err: item.ErrVersion},
		{name: "a version with a point", keys: `, version: v`, answer: `{"v":1.5}`, err: item.ErrVersion},
		{name: "gone", keys: `, gone: ". == null"`, answer: `null`, gone: true},
		{name: "null without gone", answer: `null`, err: item.ErrRefused},
		{name: "required and there", keys: `, require: [a.b]`, answer: `{"a":{"b":0}}`, body: `{"a":{"b":0}}`},
		{name: "required and null", keys: `, require: [a]`, answer: `{"a":null}`, err: item.ErrRefused},
		{name: "no JSON", answer: `<html>`, err: item.ErrRefused},
		{name: "something behind", answer: `{} {}`, err: item.ErrRefused},
		{name: "not UTF-8", answer: "{\"a\":\"\xff\"}", err: item.ErrRefused},
		{name: "too deep", answer: strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), err: item.ErrRefused},
		{name: "pick fails", keys: `, pick: ".a.b"`, answer: `{"a":1}`, err: item.ErrRefused},
		{name: "pick without end", keys: `, pick: "def f: f; f"`, answer: `1`, err: item.ErrRefused},
		{name: "pick makes too much", keys: `, pick: "[limit(3000000; repeat(1))] | map(tostring)"`, answer: `1`, err: item.ErrRefused},
		{name: "html is cleaned", keys: `, html: [a.b]`, answer: `{"a":[{"b":"<b onclick=x>k<script>x</script>"}]}`, body: `{"a":[{"b":"<b>k</b>"}]}`},
		{name: "html that is no text", keys: `, html: [a]`, answer: `{"a":1}`, err: item.ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := declare(t, c.keys, "").Dimensions[0]
			rec, gone, err := shape.MakeRecord(d, []byte(c.answer))
			if !errors.Is(err, c.err) || gone != c.gone || string(rec.Body) != c.body || rec.Version.String() != c.version {
				t.Errorf("record %s, version %s, gone %v, error %v", rec.Body, rec.Version, gone, err)
			}
		})
	}
}

func TestRefs(t *testing.T) {
	d := declare(t, `, refs: { brand: b, others: { kind: sku, field: s, max: 3 } }`, "").Dimensions[0]
	for body, want := range map[string]kv.Refs{
		`{"b":5,"s":["x",7,"x","y","z"]}`:   {"brand": {IDs: []string{"5"}}, "others": {IDs: []string{"x", "7", "y"}, List: true}},
		`{"b":0,"s":[]}`:                    nil,
		`{"b":null,"s":null}`:               nil,
		`{"b":"","s":[null,0,{},1.5,".."]}`: nil,
		`{"s":"one"}`:                       {"others": {IDs: []string{"one"}}},
	} {
		if diff := cmp.Diff(want, shape.Refs(d, []byte(body))); diff != "" {
			t.Errorf("%s:\n%s", body, diff)
		}
	}
}

func TestFold(t *testing.T) {
	alive := func(body string) kv.Record {
		return kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(body)}}
	}
	life := func(l kv.Existence) kv.Record { return kv.Record{Value: kv.Value{Header: kv.Header{Existence: l}}} }
	for _, c := range []struct {
		name, fold string
		records    map[string]kv.Record
		life       kv.Existence
		body       string
		err        error
	}{
		{"both, in order, as bytes", "", map[string]kv.Record{"specs": alive(`[ 1.0 ]`), "product": alive(`{}`)}, kv.Alive, `{"product":{},"specs":[ 1.0 ]}`, nil},
		{"one is missing", "", map[string]kv.Record{"product": alive(`{}`), "specs": life(kv.Gone)}, kv.Alive, `{"product":{}}`, nil},
		{"no root", "", map[string]kv.Record{"specs": alive(`[]`)}, kv.Unknown, ``, nil},
		{"root deleted", "", map[string]kv.Record{"product": life(kv.Gone), "specs": alive(`[]`)}, kv.Gone, ``, nil},
		{"root never known", "", map[string]kv.Record{"product": life(kv.Unknown)}, kv.Unknown, ``, nil},
		{"folded", `, fold: "{a: .product.x}"`, map[string]kv.Record{"product": alive(`{"x":1.50}`)}, kv.Alive, `{"a":1.50}`, nil},
		{"folded to no object", `, fold: "[.]"`, map[string]kv.Record{"product": alive(`{}`)}, 0, ``, item.ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := shape.Fold(declare(t, "", c.fold).Blobs[0], item.Entity{Kind: "sku", ID: "1"}, c.records)
			if !errors.Is(err, c.err) || got.Existence != c.life || string(got.Body) != c.body {
				t.Errorf("life %d, body %s, error %v", got.Existence, got.Body, err)
			}
		})
	}
}

// TestFoldsRunSideBySide proves, with the race detector, that concurrent runs do not share a program's literals,
// since del() writes to its input.
func TestFoldsRunSideBySide(t *testing.T) {
	b := declare(t, "", `, fold: '. + {brand: {title: "LEGO"}} | del(.product.x)'`).Blobs[0]
	done := make(chan string, 8)
	for range cap(done) {
		go func() {
			last := ""
			for range 200 {
				r := kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`{"x":1,"y":2}`)}}
				v, err := shape.Fold(b, item.Entity{}, map[string]kv.Record{"product": r})
				last = string(v.Body)
				if err != nil {
					last = err.Error()
				}
			}
			done <- last
		}()
	}
	for range cap(done) {
		if got := <-done; got != `{"brand":{"title":"LEGO"},"product":{"y":2}}` {
			t.Errorf("the fold gives %s", got)
		}
	}
}

func TestCleanLetsNothingRun(t *testing.T) {
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<a href="javascript:alert(1)">x</a>`, `<a href=" jaVa&#x09;script:alert(1)">x</a>`,
		`<svg onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`, `<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
		`<iframe src=//evil></iframe>`, `<object data=x>`, `<embed src=x>`, `<base href=//evil>`, `<meta http-equiv=refresh content=0;url=//evil>`,
		`<form action=//evil><input name=a>`, `<style>*{background:url(//evil)}</style>`, `<p style="background:url(javascript:x)">`,
		`<p style="width:expression(alert(1))">`, `<img src="data:text/html,<script>x</script>">`, `<video poster=javascript:x></video>`,
		`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<template><script>x</script></template>`, `<!--><img src=x onerror=alert(1)>-->`,
		`<![CDATA[<script>x</script>]]>`, `<textarea><img src=x onerror=x></textarea>`, `<title></title><script>x</script>`, `<div`, `</div></div></main>`,
		`<table><tr><td>`, `<p><p><p><div>`, `<a href="vbscript:x">x</a>`, `<img srcset="javascript:x">`, `<body onload=x>`, `<link rel=stylesheet href=//evil>`,
		`<scr<script>ipt>alert(1)</scr</script>ipt>`, `<img """><script>alert(1)</script>">`, "<img src=x\x00 onerror=x>", `<marquee onstart=x>`, `<details open ontoggle=x>`,
		`<a xlink:href="javascript:x">`, `<input autofocus onfocus=x>`, `<plaintext>`, `<xmp><script>x</script></xmp>`,
	} {
		out, err := shape.Clean(hostile)
		if err != nil {
			continue // a refusal is fine too
		}
		root, err := html.Parse(strings.NewReader(`<div>` + out + `</div><p id="after">`))
		if err != nil {
			t.Fatal(err)
		}
		inspect(t, hostile, root, 0)
		if again, err := shape.Clean(out); err != nil || again != out {
			t.Errorf("%q: cleaned twice: %q, then %q", hostile, out, again)
		}
	}
}

// inspect fails the test for elements and attributes through which a browser would run or load something.
func inspect(t *testing.T, hostile string, n *html.Node, depth int) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "script", "style", "svg", "math", "iframe", "object", "embed", "base", "meta", "link", "form", "input", "template", "textarea", "plaintext", "xmp":
			t.Errorf("%q leaves <%s>", hostile, n.Data)
		}
		for _, a := range n.Attr {
			value := strings.ToLower(strings.Join(strings.Fields(a.Val), ""))
			if strings.HasPrefix(a.Key, "on") || strings.Contains(value, "script:") || strings.HasPrefix(value, "data:") || strings.Contains(value, "expression") {
				t.Errorf("%q leaves %s=%q", hostile, a.Key, a.Val)
			}
			if a.Key == "id" && a.Val == "after" && depth != 3 { // below document, html and body
				t.Errorf("%q swallows what follows it", hostile)
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		inspect(t, hostile, c, depth+1)
	}
}

func TestCleanKeepsDescriptiveMarkup(t *testing.T) {
	for in, want := range map[string]string{
		`<p>A &amp; B</p>`:   `<p>A &amp; B</p>`,
		`<ul><li>one<li>two`: `<ul><li>one</li><li>two</li></ul>`,
		`<img src="//img.example/a.jpg" _src="x" alt=a>`: `<img src="//img.example/a.jpg" alt="a" loading="lazy">`,
		`<table><tr><td colspan=2>x`:                     `<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>`,
		`<video controls src="https://v.example/a.mp4">`: `<video controls="" src="https://v.example/a.mp4"></video>`,
	} {
		if got, err := shape.Clean(in); err != nil || got != want {
			t.Errorf("%s → %s, %v; want %s", in, got, err, want)
		}
	}
}

func FuzzMakeRecord(f *testing.F) {
	d := declare(f, `, pick: "{title: .name, h}", html: [h], version: v`, "").Dimensions[0]
	f.Add([]byte(`{"name":"x","h":"<p>","v":1}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, _, err := shape.MakeRecord(d, answer); err != nil && !errors.Is(err, item.ErrRefused) {
			t.Error(err)
		}
	})
}
