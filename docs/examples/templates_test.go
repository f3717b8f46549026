package examples_test

import (
	"bytes"
	"strings"
	"testing"

	"vitrine/templates"
)

// TestTemplates: each example takes the place of a template of the theme, and Luma's shows the variants of a family.
func TestTemplates(t *testing.T) {
	set, err := templates.LoadFolder("templates")
	if err != nil {
		t.Fatal(err)
	}
	if names := set.Uncalled(); len(names) > 0 {
		t.Errorf("nothing calls %v", names)
	}
	page := object{"family": object{"siblings": []any{object{"sku": "MH01-XS-Black", "product": object{"title": "Hoodie XS"}}}}}
	var shown bytes.Buffer
	if err := set.Render(&shown, "item.html", page); err != nil {
		t.Fatal(err)
	}
	if want := `<a href="/item/MH01-XS-Black.html">Hoodie XS</a>`; !strings.Contains(shown.String(), want) {
		t.Errorf("the page lacks %s", want)
	}
}
