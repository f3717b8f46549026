// Package examples_test runs the example catalogs on the data that they were written for. The full form takes all of
// it.
package examples_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"html"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/itchyny/gojq"

	"vitrine/internal/jsonl"
	"vitrine/internal/long"
)

const dataDir = "../../../shared/data"

// object is a decoded JSON object whose numbers are json.Number.
type object = map[string]any

// shape is the part of a catalog file that the tests run.
type shape struct {
	Entities map[string]struct {
		List       struct{ IDs, Next string }
		Dimensions map[string]struct {
			From, Pick, Gone string
			IDField          string `yaml:"id_field"`
		}
		Blobs map[string]struct {
			Of   []string
			Fold string
		}
	}
}

func TestYanxuan(t *testing.T) {
	shop := open(t, "yanxuan.yaml")
	titles := func(file, kind string) map[string]string {
		of := map[string]string{}
		for _, row := range readRows(t, file) {
			record, _ := shop.record(t, kind, kind, row)
			if record["title"] != row["name"] || record["title"] == "" {
				t.Errorf("%s %v: title %v", kind, row["id"], record["title"])
			}
			of[text(row["id"])] = text(record["title"])
		}
		return of
	}
	categories, brands := titles("yanxuan-zh.categories.jsonl.zst", "category"), titles("yanxuan-zh.brands.jsonl.zst", "brand")
	for _, row := range sample(readRows(t, "yanxuan-zh.products.jsonl.zst"), 4) {
		id := text(row["id"])
		item, offer := shop.blob(t, "sku", "item", row), shop.blob(t, "sku", "offer", row)
		equal(t, id, "title", at(item, "product", "title"), row["name"])
		equal(t, id, "amount", at(offer, "price", "amount"), row["retail_price"])
		equal(t, id, "on the shelf", at(item, "status", "state") == "on", row["on_sale"] == true && row["deleted"] != true)
		equal(t, id, "in stock", at(offer, "stock", "state"), "in")
		if categories[text(at(item, "product", "category_id"))] == "" {
			t.Errorf("%s: category %v is unknown", id, row["category_id"])
		}
		if brand := text(at(item, "product", "brand_id")); brand != "0" && brands[brand] == "" {
			t.Errorf("%s: brand %v is unknown", id, row["brand_id"])
		}
		rows := 0
		groups, _ := at(item, "specs").([]any)
		for _, group := range groups {
			rows += len(at(group, "rows").([]any))
		}
		want := len(row["attributes"].([]any))
		if skus := row["skus"].([]any); len(skus) > 1 {
			want += len(skus)
		}
		equal(t, id, "rows of specs", rows, want)
		for _, image := range at(item, "product", "images").([]any) {
			if !strings.HasPrefix(text(image), "https://yanxuan.nosdn.127.net/") {
				t.Errorf("%s: image %v", id, image)
			}
		}
		desc := shop.blob(t, "sku", "desc", row)
		if body := text(at(desc, "description", "html")); strings.Contains(body, "http://yanxuan") || (body == "") != (row["detail_html"] == "") {
			t.Errorf("%s: description %.80q", id, body)
		}
	}
}

func TestLego(t *testing.T) {
	shop := open(t, "lego.yaml")
	priced := 0
	for _, row := range sample(readRows(t, "lego-to2015.jsonl.zst"), 10) {
		id := text(row["setID"])
		item, offer := shop.blob(t, "sku", "item", row), shop.blob(t, "sku", "offer", row)
		equal(t, id, "title", at(item, "product", "title"), row["name"])
		equal(t, id, "brand", at(item, "brand", "title"), "LEGO")
		equal(t, id, "amount", at(offer, "price", "amount"), row["US_retailPrice"])
		if row["US_retailPrice"] != nil {
			priced++
			equal(t, id, "currency", at(offer, "price", "currency"), "USD")
		}
		path, _ := at(item, "path").([]any)
		var themes []any
		for _, name := range []string{"themeGroup", "theme", "subtheme"} {
			if row[name] != nil {
				themes = append(themes, row[name])
			}
		}
		equal(t, id, "length of the path", len(path), len(themes))
		for i := range path {
			equal(t, id, "path", at(path[i], "title"), themes[i])
		}
		number := at(at(at(item, "specs").([]any)[0], "rows").([]any)[0], "value")
		equal(t, id, "number", number, text(row["number"])+"-"+text(row["numberVariant"]))
	}
	if priced == 0 {
		t.Error("no set has a price")
	}
}

func TestLuma(t *testing.T) {
	shop := open(t, "luma.yaml")
	rows := readRows(t, "luma-html.jsonl.zst")
	family := map[string]string{} // variant → its family, by the file of families
	skus := map[string]bool{}
	for _, row := range rows {
		id := text(row["sku"])
		record, gone := shop.record(t, "product", "product", row)
		equal(t, id, "is no product", gone, row["kind"] != "configurable")
		skus[id] = gone
		if gone {
			continue
		}
		equal(t, id, "title", record["title"], strings.TrimSpace(html.UnescapeString(text(row["name"]))))
		for _, variant := range record["siblings"].([]any) {
			family[text(at(variant, "sku"))] = id
			equal(t, id, "variant's page", at(variant, "URL"), "/item/"+url.PathEscape(text(at(variant, "sku")))+".html")
		}
	}
	for _, row := range rows {
		id := text(row["sku"])
		if !skus[id] {
			_, gone := shop.record(t, "sku", "product", row)
			equal(t, id, "is no sku", gone, true)
			continue
		}
		item, offer := shop.blob(t, "sku", "item", row), shop.blob(t, "sku", "offer", row)
		equal(t, id, "title", at(item, "product", "title"), strings.TrimSpace(html.UnescapeString(text(row["name"]))))
		equal(t, id, "html", at(item, "product", "html"), row["description"])
		equal(t, id, "family", text(at(item, "product", "family_id")), family[id])
		amount := row["price"]
		if row["special_price"] != nil {
			amount = row["special_price"]
		}
		equal(t, id, "amount", text(at(offer, "price", "amount")), amount)
		equal(t, id, "state", at(item, "status", "state"), "on")
		equal(t, id, "stock", text(at(offer, "stock", "quantity")), row["qty"])
		first := map[bool]string{true: "Men Women", false: "Gear"}[row["kind"] == "simple"]
		path, _ := at(item, "path").([]any)
		if len(path) < 2 || !strings.Contains(first, text(at(path[0], "title"))) {
			t.Errorf("%s: path %v", id, path)
		}
		if options := at(item, "product", "options").([]any); row["kind"] == "simple" {
			equal(t, id, "name's end", true, strings.HasSuffix(text(row["name"]), "-"+text(at(options[0], "value"))+"-"+text(at(options[1], "value"))))
		}
	}
	for id := range family {
		if !skus[id] {
			t.Errorf("the variant %s has no row", id)
		}
	}
}

// sample takes every nth row in the short form, and every row in the full form.
func sample(rows []object, n int) (some []object) {
	for i := 0; i < len(rows); i += long.Pick(n, 1) {
		some = append(some, rows[i])
	}
	return some
}

// TestList walks each kind as refresh --all would, over a list of one page with all rows.
func TestList(t *testing.T) {
	tests := []struct {
		catalog, kind, file string
		want                int
	}{
		{"yanxuan.yaml", "sku", "yanxuan-zh.products.jsonl.zst", 239},
		{"yanxuan.yaml", "category", "yanxuan-zh.categories.jsonl.zst", 93},
		{"yanxuan.yaml", "brand", "yanxuan-zh.brands.jsonl.zst", 49},
		{"lego.yaml", "sku", "lego-to2015.jsonl.zst", 12410},
		{"luma.yaml", "sku", "luma-html.jsonl.zst", 1891},
		{"luma.yaml", "product", "luma-html.jsonl.zst", 147},
		{"amazon22k.yaml", "sku", "walmart-amazon.amazon22k.csv.zst", 22074},
		{"bestbuy/catalog.yaml", "store", "bestbuy-stores.json.gz", 1565},
		{"bestbuy/catalog.yaml", "category", "bestbuy-categories.json.gz", 4584},
	}
	for _, test := range tests {
		t.Run(test.catalog+" "+test.kind, func(t *testing.T) {
			shop := open(t, test.catalog)
			var items []any
			for _, row := range readRows(t, test.file) {
				items = append(items, row)
			}
			list := shop.file.Entities[test.kind].List
			ids := shop.run(t, list.IDs, object{"items": items, "next": nil}).([]any)
			equal(t, test.kind, "ids", len(ids), test.want)
		})
	}
}

// shop is a catalog file whose programs have been compiled.
type shop struct {
	file     shape
	programs map[string]*gojq.Code
}

func open(t *testing.T, name string) *shop {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{programs: map[string]*gojq.Code{}}
	if err := yaml.Unmarshal(source, &s.file); err != nil {
		t.Fatalf("%v; want no error", yaml.FormatError(err, false, true))
	}
	return s
}

// record returns what the dimension makes of a row, or that the row is not of this kind.
func (s *shop) record(t *testing.T, kind, dimension string, row object) (record object, gone bool) {
	t.Helper()
	d, ok := s.file.Entities[kind].Dimensions[dimension]
	if !ok {
		t.Fatalf("there is no %s.%s", kind, dimension)
	}
	if d.Gone != "" && s.run(t, d.Gone, row) == true {
		return nil, true
	}
	record, ok = s.run(t, d.Pick, row).(object)
	if !ok {
		t.Fatalf("the record %s.%s of %v is no object", kind, dimension, row[d.IDField])
	}
	return record, false
}

// blob folds all dimensions of a blob, each from the same row, and returns the result as decoded JSON.
func (s *shop) blob(t *testing.T, kind, blob string, row object) any {
	t.Helper()
	b := s.file.Entities[kind].Blobs[blob]
	records := object{}
	for _, dimension := range b.Of {
		records[dimension], _ = s.record(t, kind, dimension, row)
	}
	if b.Fold == "" {
		return records
	}
	return s.run(t, b.Fold, records)
}

// run returns the program's only result.
func (s *shop) run(t *testing.T, program string, input any) any {
	t.Helper()
	code := s.programs[program]
	if code == nil {
		query, err := gojq.Parse(program)
		if err != nil {
			t.Fatalf("parse %s: %v", program, err)
		}
		code, err = gojq.Compile(query)
		if err != nil {
			t.Fatalf("compile %s: %v", program, err)
		}
		s.programs[program] = code
	}
	results := code.Run(input)
	result, _ := results.Next()
	if err, failed := result.(error); failed {
		t.Fatalf("run %s: %v", program, err)
	}
	if more, ok := results.Next(); ok {
		t.Fatalf("%s gives more than one result: %v", program, more)
	}
	return result
}

// readRows returns the rows of a data set as `vitrine up --serve` serves them.
func readRows(t *testing.T, name string) (rows []object) {
	t.Helper()
	spec := jsonl.Spec{Name: "rows", Path: filepath.Join(dataDir, name), IDField: cmp.Or(idFields[name], jsonl.DefaultIDField)}
	table, err := jsonl.Open(t.Context(), spec, slog.New(slog.DiscardHandler))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the data set %s is not in %s: the catalogs are not tested", name, dataDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	for cursor, more := "", true; more; {
		answer := httptest.NewRecorder()
		table.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/rows?limit=1000&cursor="+url.QueryEscape(cursor), nil))
		var page struct {
			Items []object
			Next  *string
		}
		dec := json.NewDecoder(answer.Body)
		dec.UseNumber()
		if err := dec.Decode(&page); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Items...)
		if more = page.Next != nil; more {
			cursor = *page.Next
		}
	}
	return rows
}

// idFields are the fields that hold a row's id, where that is not "id".
var idFields = map[string]string{"lego-to2015.jsonl.zst": "setID", "luma-html.jsonl.zst": "sku"}

// at follows a path of members. It returns nil where there is nothing.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(object)
		v = m[name]
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := gojq.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func equal(t *testing.T, id, what string, got, want any) {
	t.Helper()
	if text(got) != text(want) {
		t.Errorf("%s: %s is %s, want %s", id, what, text(got), text(want))
	}
}
