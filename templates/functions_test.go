package templates_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/templates"
)

// TestTheTableOfFunctionsIsTrue proves that the docs list exactly the functions that templates have beside those of Go.
func TestTheTableOfFunctionsIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| function | gives |\n")
	if !ok {
		t.Fatal("docs/catalog.md has no table of functions")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for line := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, call := range regexp.MustCompile("`([a-z]+) ").FindAllStringSubmatch(cell, -1) {
			listed = append(listed, call[1])
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(templates.OwnFunctions(), listed); diff != "" {
		t.Errorf("docs/catalog.md differs from templates/funcs.go (-program +docs):\n%s", diff)
	}
}
