package vitrine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unguarded holds the packages that run on a developer's machine only, and redact itself.
var unguarded = append([]string{"internal/bench", "internal/load", "internal/demo/draw", "internal/redact"}, support...)

// TestGoroutinesAreGuarded proves that each goroutine begins with redact.Crash, so that a panic ends the process
// without printing passwords. A function that is started by name (go s.run()) is looked up in its package.
func TestGoroutinesAreGuarded(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if slices.Contains(unguarded, filepath.ToSlash(path)) {
			return nil
		}
		files := token.NewFileSet()
		var all []*ast.File
		names, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		bodies := methods(all)
		for _, f := range all {
			ast.Inspect(f, func(n ast.Node) bool {
				started := goroutine(n)
				if started == nil {
					return true
				}
				found++
				if !guarded(started, bodies) {
					t.Errorf("%s: a goroutine that does not begin with: defer redact.Crash()", files.Position(n.Pos()))
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 30 {
		t.Errorf("only %d goroutines are found", found)
	}
}

// goroutine returns the function that a node starts in a goroutine: by go, by the method Go of a group, by a timer,
// or as a callback of NATS, which runs in a goroutine of its own. It returns nil if the node starts none. Among
// timers and callbacks, variables and functions that only close something are left out.
func goroutine(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.GoStmt:
		return n.Call.Fun
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" && len(n.Args) == 1 {
			return n.Args[0]
		}
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "AfterFunc" || isCallbackOfNATS(s)) {
			switch f := n.Args[len(n.Args)-1].(type) {
			case *ast.FuncLit:
				if !isOneClose(f) {
					return f
				}
			case *ast.SelectorExpr:
				return f
			}
		}
	}
	return nil
}

// isCallbackOfNATS reports whether a function takes a callback: to subscribe, or as an option of a connection.
func isCallbackOfNATS(s *ast.SelectorExpr) bool {
	of, ok := s.X.(*ast.Ident)
	return s.Sel.Name == "Subscribe" && isOf(s, "nats") || ok && of.Name == "nats" && strings.HasSuffix(s.Sel.Name, "Handler")
}

// isOf reports whether a method is called on a field of this name.
func isOf(method *ast.SelectorExpr, field string) bool {
	s, ok := method.X.(*ast.SelectorExpr)
	return ok && s.Sel.Name == field
}

// isOneClose reports whether a function does nothing but close something.
func isOneClose(f *ast.FuncLit) bool {
	if len(f.Body.List) != 1 {
		return false
	}
	statement, ok := f.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	if builtin, ok := call.Fun.(*ast.Ident); ok {
		return builtin.Name == "close"
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Close"
}

// methods returns the bodies of a package's functions by name.
func methods(files []*ast.File) map[string]*ast.BlockStmt {
	bodies := map[string]*ast.BlockStmt{}
	for _, f := range files {
		for _, d := range f.Decls {
			if function, ok := d.(*ast.FuncDecl); ok {
				bodies[function.Name.Name] = function.Body
			}
		}
	}
	return bodies
}

func guarded(started ast.Expr, bodies map[string]*ast.BlockStmt) bool {
	switch f := started.(type) {
	case *ast.CallExpr:
		return isCallOf(f, "Guard")
	case *ast.FuncLit:
		return beginsGuarded(f.Body)
	case *ast.Ident:
		return beginsGuarded(bodies[f.Name])
	case *ast.SelectorExpr:
		return beginsGuarded(bodies[f.Sel.Name])
	}
	return false
}

func beginsGuarded(body *ast.BlockStmt) bool {
	if body == nil || len(body.List) == 0 {
		return false
	}
	first, ok := body.List[0].(*ast.DeferStmt)
	return ok && isCallOf(first.Call, "Crash")
}

// isCallOf reports whether a call is one of the given function of redact.
func isCallOf(call *ast.CallExpr, function string) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != function {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	return ok && of.Name == "redact"
}
