package examples_test

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"vitrine/templates"
)

// TestTemplates: each example takes the place of a template of the theme, and Luma's shows the variants of a family.
func TestTemplates(t *testing.T) {
	theme, err := templates.Theme()
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(os.DirFS("templates"), "*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if _, err := fs.Stat(theme, name); err != nil {
			t.Errorf("nothing calls %s: %v", name, err)
		}
	}
	set, err := templates.LoadFolder("templates")
	if err != nil {
		t.Fatal(err)
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
