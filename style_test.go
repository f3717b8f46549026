package vitrine_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	longestFunction = 60  // lines
	longestFile     = 400 // lines
)

// TestStyle holds the program's code, except tests, to what can be counted: short functions and files, and no if that
// changes a variable before its condition.
func TestStyle(t *testing.T) {
	var found []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" {
			return err
		}
		more, err := unstyled(path, nil)
		found = append(found, more...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestStyleFaults(t *testing.T) {
	src := "package p\nfunc long() {\n" + strings.Repeat("\n", longestFunction) + "}\n" +
		"func f(n int) {\nif n = 1; n > 0 {\n}\nif n++; n > 0 {\n}\nif m := n; m > 0 {\n}\n}\n" + strings.Repeat("\n", longestFile)
	found, err := unstyled("p.go", src)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"p.go:2: long has 62 lines", "p.go:65: an if changes something before its condition",
		"p.go:67: an if changes something before its condition", "p.go has 471 lines",
	}
	if d := cmp.Diff(want, found); d != "" {
		t.Error(d)
	}
}

// unstyled lists the violations in a file. It reads src, or the file at path if src is nil.
func unstyled(path string, src any) (found []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, src, 0)
	if err != nil {
		return nil, err
	}
	lines := func(n ast.Node) int { return files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1 }
	add := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s:%d: %s", path, files.Position(n.Pos()).Line, what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines(n) > longestFunction {
				add(n, fmt.Sprintf("%s has %d lines", n.Name.Name, lines(n)))
			}
		case *ast.IfStmt:
			if changes(n.Init) {
				add(n, "an if changes something before its condition")
			}
		}
		return true
	})
	if n := files.File(file.Pos()).LineCount(); n > longestFile {
		found = append(found, fmt.Sprintf("%s has %d lines", path, n))
	}
	return found, nil
}

// changes reports whether a statement changes a variable rather than declares one.
func changes(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.IncDecStmt:
		return true
	}
	return false
}
