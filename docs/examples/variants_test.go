package examples_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/jsonl"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

// TestVariants proves that the page of an article has what its product says, by the files of the example: title, address, pictures,
// breadcrumbs, description as HTML, and its variants without the one that is off the shelf.
func TestVariants(t *testing.T) {
	pages, findings := tryVariants(t, "variants")
	if len(findings) > 0 {
		t.Error(findings)
	}
	for page, texts := range map[string][]string{
		"item": {"<h1>Oslo lamp, black edition</h1>", "Warm light from oak", ">Lamps</a>", "€55.00", `href="/p/oslo-lamp--P1-WH.html"`, "https://img.example/oslo.jpg"},
		"desc": {"<p>Made of <b>oak</b> and linen.</p>"},
	} {
		for _, text := range texts {
			if !strings.Contains(pages[page], text) {
				t.Errorf("page %s lacks %s:\n%s", page, text, pages[page])
			}
		}
	}
	if strings.Contains(pages["item"], "P1-RD.html") {
		t.Error("a variant that is off the shelf is a choice")
	}
}

// TestAProductBeyondTheFirstIsTried proves that a trial of an article fetches its product, which need not be among the first of its list,
// and names one that does not exist.
func TestAProductBeyondTheFirstIsTried(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("variants")); err != nil {
		t.Fatal(err)
	}
	rows := "id,name,brief,pictures,text,category,articles\n"
	for i := range 20 {
		rows += fmt.Sprintf("A%d,First,,,,home,\n", i)
	}
	for _, file := range []struct{ name, text string }{
		{"products.csv", rows + "P1,Oslo lamp,Warm,,<p>Oak</p>,lamps,P1-WH\n"},
		{"articles.csv", "sku,product,name,colour,size,picture,price,stock,online\nP1-WH,P1,,White,,,49.00,12,1\n"},
	} {
		if err := os.WriteFile(filepath.Join(folder, file.name), []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pages, _ := tryVariants(t, folder)
	if !strings.Contains(pages["item"], "<h1>Oslo lamp</h1>") || !strings.Contains(pages["desc"], "<p>Oak</p>") {
		t.Errorf("the product was not fetched:\n%s", pages["item"])
	}
	if err := os.WriteFile(filepath.Join(folder, "products.csv"), []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, findings := tryVariants(t, folder); !strings.Contains(strings.Join(findings, "\n"), "P1-WH inherits from product:P1, which its upstream does not know") {
		t.Errorf("the product that is missing is not named: %q", findings)
	}
}

// tryVariants makes the pages of the example as `vitrine catalog check --try` does, and returns what that finds wrong.
func tryVariants(t *testing.T, folder string) (pages map[string]string, findings []string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(folder, "catalog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	shop := string(source)
	for name, id := range map[string]string{"articles": "sku", "products": "id", "categories": "id"} {
		table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: name, Path: filepath.Join(folder, name+".csv"), IDField: id}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(table.Handler())
		t.Cleanup(server.Close)
		shop = strings.ReplaceAll(shop, "serve:"+name, server.URL)
	}
	c, err := catalog.Parse([]byte(shop), "catalog.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Mistakes {
		t.Error(m)
	}
	set, err := templates.LoadFolder("")
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Config{})
	t.Cleanup(client.Close)
	pages = map[string]string{}
	trial.Run(t.Context(), trial.Config{
		Catalog: c, File: "catalog.yaml", Client: client, Templates: set,
		Rendered: func(p *catalog.Page, body []byte) { pages[p.Name] = string(body) },
		Report: func(f trial.Finding) {
			if f.Failed || f.Warning {
				findings = append(findings, f.What+": "+f.Text)
			}
		},
	})
	return pages, findings
}
