package templates

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// uncalled returns the names of a shop's own templates that no page calls, in order. Pages are those of the theme and those of the shop's
// own files that hold a whole document. A file is called if one of the templates that it defines is.
func uncalled(own, base files, trees map[string]*parse.Tree) (names []string) {
	c := callers{trees: trees, seen: map[string]bool{}, files: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		if isPage(name, own, base) {
			c.visit(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if strings.HasSuffix(name, ".html") && !c.files[name] {
			names = append(names, name)
		}
	}
	return names
}

// isPage reports whether a file holds a whole page. The shop's file of the name of a page of the theme is one, whatever it holds.
func isPage(name string, own, base files) bool {
	return isDocument(base[name]) || isDocument(own[name])
}

// isDocument reports whether a template writes the beginning of a document, or calls the theme's.
func isDocument(file []byte) bool {
	low := bytes.ToLower(file)
	return bytes.Contains(low, []byte("<!doctype")) || bytes.Contains(low, []byte("<html")) || bytes.Contains(low, []byte(`template "head.html"`))
}

// callers walks the templates that pages call.
type callers struct {
	trees map[string]*parse.Tree
	seen  map[string]bool
	files map[string]bool // those of the templates seen
}

func (c *callers) visit(name string) {
	tree := c.trees[name]
	if tree == nil || c.seen[name] {
		return
	}
	c.seen[name] = true
	c.files[tree.ParseName] = true
	c.list(tree.Root)
}

func (c *callers) list(n *parse.ListNode) {
	if n == nil {
		return
	}
	for _, child := range n.Nodes {
		if call, ok := child.(*parse.TemplateNode); ok {
			c.visit(call.Name)
		}
		if b := branchOf(child); b != nil {
			c.list(b.List)
			c.list(b.ElseList)
		}
	}
}
