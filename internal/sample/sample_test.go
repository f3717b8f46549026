package sample_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"vitrine/internal/sample"
)

type row struct {
	ID         string
	Name       string
	Type       string
	Shelf      string
	Price      json.Number
	CategoryID string `json:"category_id"`
	ParentID   string `json:"parent_id"`
	BrandID    string `json:"brand_id"`
	Variants   []string
}

func TestRowsReferToRows(t *testing.T) {
	products, categories, brands := rows(t, "products.jsonl"), rows(t, "categories.jsonl"), rows(t, "brands.jsonl")
	counts := map[string]int{"products": len(products), "categories": len(categories), "brands": len(brands)}
	if diff := cmp.Diff(map[string]int{"products": 24, "categories": 14, "brands": 4}, counts); diff != "" {
		t.Error(diff)
	}
	off, virtual := 0, 0
	for id, p := range products {
		if strings.Trim(id, "0123456789") != "" {
			t.Errorf("the product %q is not called by digits", id)
		}
		if p.Name == "" || p.Price == "" {
			t.Errorf("product %s: name %q, price %q", id, p.Name, p.Price)
		}
		if _, ok := categories[p.CategoryID]; !ok {
			t.Errorf("product %s: there is no category %q", id, p.CategoryID)
		}
		if _, ok := brands[p.BrandID]; !ok && p.BrandID != "" {
			t.Errorf("product %s: there is no brand %q", id, p.BrandID)
		}
		for _, variant := range p.Variants {
			if !slices.Contains(products[variant].Variants, id) {
				t.Errorf("product %s is no sibling of its sibling %q", id, variant)
			}
		}
		if p.Shelf == "off" {
			off++
		}
		if p.Type == "virtual" {
			virtual++
		}
	}
	if off != 1 || virtual != 1 {
		t.Errorf("%d off the shelf and %d virtual, want one of each", off, virtual)
	}
	for id, c := range categories {
		depth := 0
		for ; c.ID != "" && depth < 5; c = categories[c.ParentID] {
			depth++
		}
		if depth > 3 {
			t.Errorf("category %s is %d deep", id, depth)
		}
	}
}

func TestCatalogServesEachFile(t *testing.T) {
	var file struct {
		Upstreams map[string]struct{ URL string }
	}
	if err := yaml.Unmarshal(sample.Catalog(), &file); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	for name, upstream := range file.Upstreams {
		served, ok := strings.CutPrefix(upstream.URL, "serve:")
		if !ok {
			t.Errorf("the upstream %s is not a served file: %s", name, upstream.URL)
			continue
		}
		rows(t, served+".jsonl")
	}
	if diff := cmp.Diff([]string{"brands", "categories", "products"}, slices.Sorted(maps.Keys(file.Upstreams))); diff != "" {
		t.Error(diff)
	}
}

func rows(t *testing.T, name string) map[string]row {
	t.Helper()
	f, err := sample.Files().Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[string]row{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v: %s", name, err, lines.Text())
		}
		if _, ok := found[r.ID]; ok {
			t.Errorf("%s: the id %s is there twice", name, r.ID)
		}
		found[r.ID] = r
	}
	return found
}
