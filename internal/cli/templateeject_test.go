package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTextsWithoutWordsAreWrittenDown checks a catalog in a language that the theme lacks. The warning names the command that writes down what
// to translate, and does not come back once that is done.
func TestTextsWithoutWordsAreWrittenDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	recipe, err := os.ReadFile("../../docs/recipes/csv.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "shop.yaml")
	write(t, file, strings.Replace(string(recipe), "lang: en", "lang: pt", 1))
	code, _, stderr := vitrine(t, "catalog", "check", file)
	command := regexp.MustCompile(`vitrine (template eject --words pt --to \S+)`).FindStringSubmatch(stderr)
	if code != 0 || command == nil || len(stderr) > 600 {
		t.Fatalf("%d %s", code, stderr)
	}
	if code, stdout, stderr := vitrine(t, append(strings.Fields(command[1]), "item.html")...); code != 2 {
		t.Errorf("with a file's name: %d %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := vitrine(t, strings.Fields(command[1])...); code != 0 || !strings.Contains(stdout, "texts to translate into pt") {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	words := filepath.Join(dir, "templates", "words.json")
	empty, err := os.ReadFile(words)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := vitrine(t, "catalog", "check", file); code != 0 || !strings.Contains(stderr, "WARNING") {
		t.Errorf("with all texts empty: %d %s", code, stderr)
	}
	write(t, words, strings.ReplaceAll(string(empty), `: ""`, `: "palavra"`))
	if code, _, stderr := vitrine(t, "catalog", "check", file); code != 0 || strings.Contains(stderr, "WARNING") {
		t.Errorf("with all texts translated: %d %s", code, stderr)
	}
}
