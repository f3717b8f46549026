package view_test

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/hostile"
	"vitrine/internal/view"
)

var reader view.Reader

// decode returns what encoding/json decodes from a text. ok is false for invalid JSON.
func decode(text []byte) (v any, ok bool) {
	if !json.Valid(text) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

// FuzzIndex compares indexing with encoding/json.
func FuzzIndex(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,false,null,-0.5e+3,"x"],"a":{"c":""}}`, ` [ 1 , 2 ] `, `"\u00e9\ud83d\ude00\ud83d\n\"\\\/"`, `{"\u0061":1,"a":2}`,
		"\"\xff\xfe\"", "{\"\xff\":1}", `[]`, `{}`, `01`, `1.`, `-`, `1e`, `tru`, `"a`, `{"a"}`, `{"a":}`, `[1,]`, `[1 2]`, "\"\t\"", `"\x"`, `"\u12"`, `1 2`, ``, `"<>&` + "\u2028" + `"`,
		`{"a":1,"a":2,"b":{"a":[],"a":{}}}`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\u0041"`, `{"x":"\u0000"}`, `[[[[1],[]],{}]]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compare(t, text) })
}

func compare(t *testing.T, text []byte) {
	want, ok := decode(text)
	d, err := reader.Index(text)
	if strings.Count(string(text), "[")+strings.Count(string(text), "{") > view.MaxDepth {
		return
	}
	if ok != (err == nil) {
		t.Fatalf("%q: %v, encoding/json: %v", text, err, ok)
	}
	if err != nil {
		return
	}
	defer reader.Free(d)
	for range 2 { // the second reading uses what the first has decoded
		if diff := cmp.Diff(want, d.Root().Decode()); diff != "" {
			t.Fatalf("%q is read otherwise than encoding/json reads it: %s", text, diff)
		}
	}
	if got, want := d.Root().Truth(), view.Of(want).Truth(); got != want {
		t.Errorf("%q is %v, want %v", text, got, want)
	}
	if got, want := d.Root().Len(), view.Of(want).Len(); got != want {
		t.Errorf("%q has %d, want %d", text, got, want)
	}
	asJSON, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []view.Value{d.Root(), view.Of(want)} {
		if got, err := v.AppendJSON(nil); err != nil || string(got) != string(asJSON) {
			t.Errorf("%q: %s, want %s (%v)", text, got, asJSON, err)
		}
	}
}

func TestHostileTexts(t *testing.T) {
	for _, text := range hostile.Texts() {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, []byte(`{"a":[`+string(quoted)+`],`+string(quoted)+`:1}`))
		compare(t, []byte(text))
		compare(t, []byte(`"`+text+`"`))
	}
}

func TestDepth(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := reader.Index(nested(view.MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := reader.Index(nested(view.MaxDepth + 1)); err == nil || !strings.Contains(err.Error(), "deeper than 129") {
		t.Error(err)
	}
}

func TestLayers(t *testing.T) {
	d, err := reader.Index([]byte(`{"sku":"1","title":"A","title":"B","html":{"x":"<b>"}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Free(d)
	d.Root().MarkHTML([]string{"html", "x"}, nil)
	d.Root().MarkHTML([]string{"html"}, nil)
	d.Root().MarkHTML([]string{"none", "x"}, nil)
	v := view.OfMembers(view.Layers{view.OfMembers(view.Fields{{"URL", view.OfText("/1")}}), d.Root(), view.OfMembers(view.Fields{{"sku", view.OfInt(2)}, {"n", view.Nothing}})})
	want := map[string]any{"URL": "/1", "sku": "1", "title": "B", "html": map[string]any{"x": template.HTML("<b>")}, "n": nil}
	if diff := cmp.Diff(want, v.Decode()); diff != "" {
		t.Error(diff)
	}
	if v.Len() != 5 || v.Get("html", "x").Kind() != view.HTML || v.Get("title", "x").Kind() != view.Null {
		t.Error(v.Len(), v.Get("html", "x"), v.Get("title", "x"))
	}
}

func TestMarkedTextsAreCleaned(t *testing.T) {
	d, err := reader.Index([]byte(`{"a":"\u003cb>","b":"<i>"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Free(d)
	d.Root().MarkHTML([]string{"a"}, func(s string) (string, bool) { return "clean " + s, true })
	d.Root().MarkHTML([]string{"b"}, func(s string) (string, bool) { return "", false })
	want := map[string]any{"a": template.HTML("clean <b>"), "b": "<i>"}
	if diff := cmp.Diff(want, d.Root().Decode()); diff != "" {
		t.Error(diff)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	body := []byte(`{"product":{"title":"T","images":["/a","/b"]},"n":5}`)
	d, err := reader.Index(body)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Free(d)
	read := func() {
		walk := d.Root().Get("product", "images").Walk()
		for e, ok := walk.Next(); ok; e, ok = walk.Next() {
			_ = e.Text()
		}
	}
	if n := testing.AllocsPerRun(1000, read); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
