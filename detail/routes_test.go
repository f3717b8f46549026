package detail_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/detail"
)

// TestTheTableOfPublicRoutesIsTrue proves that the docs list exactly the server's routes, except those of the
// catalog's pages.
func TestTheTableOfPublicRoutesIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| public route |")
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	s := open(t, func(c *detail.Config) {
		c.Relations = index{}
		c.Index, c.Lister = true, c.Blobs.Tiers[0].Blobs.(detail.BlobLister)
	})
	routes, err := detail.Routes(s.server)
	if err != nil {
		t.Fatal(err)
	}
	routes = slices.DeleteFunc(routes, func(pattern string) bool {
		for _, p := range demo(t).Pages {
			if pattern == p.Prefix+"*" {
				return true
			}
		}
		return false
	})
	if diff := cmp.Diff(routes, listed); diff != "" {
		t.Errorf("the server (-) and docs/operations.md (+) differ:\n%s", diff)
	}
}
