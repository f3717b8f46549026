package templates_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/templates"
)

// TestOneNameIsOneTemplate proves that a template defined twice is refused, with both places, since the order of
// files would decide which one wins.
func TestOneNameIsOneTemplate(t *testing.T) {
	theme, err := templates.Theme()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		names []string // in the error; empty for no error
	}{
		"a define and a file":            {map[string]string{"a.html": "\n{{define \"b.html\"}}x{{end}}", "b.html": "y"}, []string{"a.html:2", "file b.html"}},
		"a define after the file":        {map[string]string{"z.html": "{{define \"b.html\"}}x{{end}}", "b.html": "y"}, []string{"z.html:1", "file b.html"}},
		"a define and a file of a theme": {map[string]string{"a.html": "{{define \"foot.html\"}}x{{end}}"}, []string{"a.html:1", "file foot.html"}},
		"two defines":                    {map[string]string{"a.html": "{{define \"x\"}}1{{end}}", "b.html": "\n\n{{define \"x\"}}2{{end}}"}, []string{"a.html:1", "b.html:3"}},
		"a block and a define":           {map[string]string{"a.html": "{{block \"x\" .}}1{{end}}", "b.html": "{{define \"x\"}}2{{end}}"}, []string{"a.html:1", "b.html:1"}},
		"the same twice":                 {map[string]string{"a.html": "{{define \"x\"}}1{{end}}", "b.html": "{{define \"x\"}}1{{end}}"}, nil},
		"functions of the shop's":        {map[string]string{"a.html": "{{define \"x\"}}{{jsonld .}}{{end}}{{template \"x\" .}}"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			shop := fstest.MapFS{}
			for file, text := range c.files {
				shop[file] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := templates.Load(shop, theme)
			if (err == nil) != (c.names == nil) {
				t.Fatal(err)
			}
			for _, want := range c.names {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not name %s", err, want)
				}
			}
		})
	}
}
