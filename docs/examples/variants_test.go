package examples_test

import (
	"log/slog"
	"net/http/httptest"
	"os"
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
	source, err := os.ReadFile("variants/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shop := string(source)
	for name, id := range map[string]string{"articles": "sku", "products": "id", "categories": "id"} {
		table, err := jsonl.Open(t.Context(), jsonl.Spec{Name: name, Path: "variants/" + name + ".csv", IDField: id}, slog.New(slog.DiscardHandler))
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
	pages := map[string]string{}
	trial.Run(t.Context(), trial.Config{
		Catalog: c, File: "catalog.yaml", Client: client, Templates: set,
		Rendered: func(p *catalog.Page, body []byte) { pages[p.Name] = string(body) },
		Report: func(f trial.Finding) {
			if f.Failed || f.Warning {
				t.Errorf("%s: %s", f.What, f.Text)
			}
		},
	})
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
