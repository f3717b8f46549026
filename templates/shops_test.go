package templates_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/long"
	"vitrine/internal/shape"
	"vitrine/internal/view"
	"vitrine/templates"
)

const sharedData = "../../shared/data/"

// shopPage is a page of a shop: the JSON of its parts. Where two have the same member, the first counts.
type shopPage struct {
	template string
	parts    [][]byte
}

// index indexes a page's parts. free releases them.
func (p shopPage) index(t testing.TB) (data view.Value, free func()) {
	var layers view.Layers
	var docs []*view.Doc
	for _, part := range p.parts {
		doc, err := reader.Index(part)
		if err != nil {
			t.Fatal(err)
		}
		docs, layers = append(docs, doc), append(layers, doc.Root())
	}
	data = view.OfMembers(layers)
	data.MarkHTML([]string{"description", "html"}, nil)
	return data, func() {
		for _, doc := range docs {
			reader.Free(doc)
		}
	}
}

// facts is the JSON that templates get about site and page.
func facts(t testing.TB, lang, id string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"Site": map[string]any{"Name": "Shop", "Lang": lang, "Currency": "EUR", "Origin": "https://shop.example", "Prefix": ""},
		"Page": map[string]any{"ID": id, "Kind": "sku", "Name": "item", "Path": "/item/" + id + ".html", "URL": "https://shop.example/item/" + id + ".html", "Gen": "1795273349274967",
			"Live": []any{"offer", "delivery"}, "Overlay": []any{"offer"}, "Pages": map[string]any{"item": "/item/" + id + ".html", "desc": "/desc/" + id + ".html"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// demoPages returns the JSON twins of pages of the demo shop, with the addresses that a server adds.
func demoPages(t testing.TB) (pages []shopPage) {
	files, err := filepath.Glob("testdata/pages/demo-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no pages of the demo", err)
	}
	for _, file := range files {
		twin, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page map[string]any
		d := json.NewDecoder(bytes.NewReader(twin))
		d.UseNumber()
		if err := d.Decode(&page); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{"siblings", "recommended"} {
			list, _ := page[ref].([]any)
			for _, one := range list {
				member := one.(map[string]any)
				member["URL"] = "/item/" + member["sku"].(string) + ".html"
			}
		}
		body, err := json.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, shopPage{"item.html", [][]byte{facts(t, "en", page["sku"].(string)), body}})
	}
	return pages
}

// rowPages returns the pages that an example's catalog makes of its rows. It takes one row in every.
func rowPages(t testing.TB, example, file, id, lang string, every int) (pages []shopPage) {
	t.Helper()
	source, err := os.ReadFile("../docs/examples/" + example)
	if err != nil {
		t.Fatal(err)
	}
	shop, err := catalog.Parse(source, example, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range readRows(t, file) {
		if i%every != 0 {
			continue
		}
		var decoded map[string]json.RawMessage
		if err := json.Unmarshal(row, &decoded); err != nil {
			t.Fatal(err)
		}
		entity := item.Entity{Kind: "sku", ID: string(decoded[id])}
		for _, page := range shop.Pages {
			made := shopPage{template: page.Template, parts: [][]byte{facts(t, lang, entity.ID)}}
			for _, b := range append([]*catalog.Blob{page.Blob}, page.Overlay...) {
				made.parts = append(made.parts, fold(t, b, entity, row))
			}
			pages = append(pages, made)
		}
	}
	return pages
}

func fold(t testing.TB, b *catalog.Blob, e item.Entity, row []byte) []byte {
	records := map[string]kv.Record{}
	for _, d := range b.Of {
		record, _, err := shape.MakeRecord(d, row)
		if err != nil {
			t.Fatal(err)
		}
		records[d.Name] = kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: record.Body}}
	}
	value, err := shape.Fold(b, e, records)
	if err != nil {
		t.Fatal(err)
	}
	return value.Body
}

func readRows(t testing.TB, file string) (rows [][]byte) {
	f, err := os.Open(sharedData + file)
	if err != nil {
		t.Skip("the shop's rows are not beside the checkout: ", err)
	}
	defer func() { _ = f.Close() }()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		rows = append(rows, bytes.Clone(lines.Bytes()))
	}
	return rows
}

// pagesOf returns a shop's pages. Of shops with many, it takes one in every.
func pagesOf(t testing.TB, shop string, every int) []shopPage {
	switch shop {
	case "lego":
		return rowPages(t, "lego.yaml", "lego-to2015.jsonl.zst", "setID", "en", every)
	case "yanxuan":
		return rowPages(t, "yanxuan.yaml", "yanxuan-zh.products.jsonl.zst", "id", "zh", max(1, every/10))
	}
	return demoPages(t)
}

var shops = []string{"demo", "lego", "yanxuan"}

// TestShopsAreRenderedTheSame proves that the pages of real shops are all compiled, and equal html/template's.
func TestShopsAreRenderedTheSame(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, shop := range shops {
		t.Run(shop, func(t *testing.T) {
			for _, p := range pagesOf(t, shop, long.Pick(50, 1)) {
				data, free := p.index(t)
				difference, covered := differ(set, p.template, data)
				if difference != "" || !covered {
					t.Fatalf("%s: compiled: %v, %s", p.parts, covered, difference)
				}
				free()
			}
		})
	}
}

// BenchmarkTemplates renders pages of real shops by html/template over decoded data, and compiled, which includes
// indexing the JSON.
func BenchmarkTemplates(b *testing.B) {
	theme, err := templates.Theme()
	if err != nil {
		b.Fatal(err)
	}
	set, err := templates.Load(nil, theme)
	if err != nil {
		b.Fatal(err)
	}
	for _, shop := range shops {
		b.Run(shop, func(b *testing.B) { benchmarkShop(b, set, pagesOf(b, shop, 200)) })
	}
}

func benchmarkShop(b *testing.B, set *templates.Set, pages []shopPage) {
	var decoded []any
	for _, p := range pages {
		data, free := p.index(b)
		decoded = append(decoded, data.Decode())
		free()
	}
	var html float64 // ns of CPU time per page, since wall time says little on a busy machine
	b.Run("html", func(b *testing.B) {
		var buf bytes.Buffer
		html = measured(b, func(i int) {
			buf.Reset()
			if err := set.RenderHTML(&buf, pages[i%len(pages)].template, decoded[i%len(pages)]); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("compiled", func(b *testing.B) {
		var buf bytes.Buffer
		compiled := measured(b, func(i int) {
			buf.Reset()
			data, free := pages[i%len(pages)].index(b)
			if err := set.Render(&buf, pages[i%len(pages)].template, data); err != nil {
				b.Fatal(err)
			}
			free()
		})
		b.ReportMetric(html/compiled, "times-html")
	})
}

// measured renders b.N pages and returns the CPU time of one.
func measured(b *testing.B, render func(i int)) float64 {
	b.ReportAllocs()
	began := cpuTime(b)
	for i := 0; b.Loop(); i++ {
		render(i)
	}
	each := float64(cpuTime(b)-began) / float64(b.N)
	b.ReportMetric(each, "cpu-ns/op")
	return each
}

// cpuTime returns the CPU time that the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
