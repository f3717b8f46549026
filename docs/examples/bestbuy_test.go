package examples_test

import (
	"strings"
	"testing"

	"vitrine/templates"
)

func TestBestBuy(t *testing.T) {
	shop := open(t, "bestbuy/catalog.yaml")
	for _, row := range sample(readRows(t, "bestbuy-stores.json.gz"), 4) {
		id := text(row["id"])
		item := shop.blob(t, "store", "item", row)
		if title := text(at(item, "product", "title")); !strings.HasPrefix(title, "Best Buy") || !strings.HasSuffix(title, " "+strings.TrimSpace(text(row["name"]))) {
			t.Errorf("%s: title %q", id, title)
		}
		zip := text(at(item, "linked", "address", "postalCode"))
		if len(zip) < 5 || !strings.HasSuffix(zip, text(row["zip"])) || !strings.HasSuffix(text(at(item, "product", "brief")), zip) {
			t.Errorf("%s: ZIP code %q", id, zip)
		}
		equal(t, id, "latitude", at(item, "linked", "geo", "latitude"), at(row, "location", "lat"))
		if row["hours"] != nil {
			equal(t, id, "days", len(list(at(item, "hours"))), len(strings.Split(text(row["hours"]), "; ")))
		}
		equal(t, id, "services", len(list(at(item, "services"))), len(list(row["services"])))
	}
	for _, row := range sample(readRows(t, "bestbuy-categories.json.gz"), 10) {
		id := text(row["id"])
		record, _ := shop.record(t, "category", "product", row)
		if row["name"] != nil {
			equal(t, id, "title", record["title"], row["name"])
		}
		equal(t, id, "steps above", len(record["above"].([]any)), len(row["path"].([]any))-1)
		equal(t, id, "categories below", len(record["below"].([]any)), len(row["subCategories"].([]any)))
		equal(t, id, "card", at(shop.blob(t, "category", "card", row), "title"), record["title"])
	}
}

// list is v as a list, an empty one if it is none.
func list(v any) []any {
	elements, _ := v.([]any)
	return elements
}

// TestTemplates proves that the templates beside an example can be used, and that each is a page of its catalog.
func TestTemplates(t *testing.T) {
	set, err := templates.LoadFolder("bestbuy/templates")
	if err != nil {
		t.Fatal(err)
	}
	if uncalled := set.Uncalled(); len(uncalled) > 0 {
		t.Errorf("nothing calls %q", uncalled)
	}
}
