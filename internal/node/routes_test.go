package node_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/node"
)

// TestTheTableOfAdminRoutesIsTrue proves that the docs list exactly the routes of the admin listener.
func TestTheTableOfAdminRoutesIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("`((?:GET|POST) /[^`]*)`").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	routes := node.AdminRoutes()
	slices.Sort(routes)
	if diff := cmp.Diff(routes, slices.Compact(listed)); diff != "" {
		t.Errorf("the admin listener (-) and docs/operations.md (+) differ:\n%s", diff)
	}
}
