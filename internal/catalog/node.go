package catalog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file.
const (
	maxBytes = 1 << 20
	maxDepth = 32
)

// form is the type of a node.
type form byte

const (
	null form = iota
	text
	number
	boolean
	list
	object
)

func (f form) String() string {
	return [...]string{"nothing", "text", "a number", "true or false", "a list", "an object"}[f]
}

// node is a place in the file, in a small tree without the peculiarities of YAML.
type node struct {
	line, column int
	form         form
	text         string // of a scalar, as written, without quotes
	items        []*node
	fields       []field
}

type field struct {
	key   *node
	value *node
}

// readTree parses YAML into nodes. It refuses anchors, aliases, tags and several documents: a catalog does not need
// them, and they can expand a small file without limit.
func readTree(src []byte, f *faults) (root *node) {
	defer func() {
		if r := recover(); r != nil {
			f.addAt(1, 1, "", "the file can't be read as YAML: %v", r)
			root = nil
		}
	}()
	switch {
	case len(src) > maxBytes:
		f.addAt(1, 1, "", "the file has %d bytes, more than %d", len(src), maxBytes)
		return nil
	case strings.ContainsRune(string(src), 0):
		f.addAt(1, 1, "", "the file has a NUL byte")
		return nil
	case !shallow(src):
		f.addAt(1, 1, "", "the file nests deeper than %d", maxDepth)
		return nil
	}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		addSyntax(f, err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		f.addAt(1, 1, "begin with: version: 1", "the file must hold one YAML document")
		return nil
	}
	return (&reader{faults: f}).read(file.Docs[0].Body, 0)
}

// shallow reports whether brackets nest within bounds, since YAML's parser recurses.
func shallow(src []byte) bool {
	depth, indent := 0, 0
	for _, line := range strings.Split(string(src), "\n") {
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
			if depth > 8*maxDepth {
				return false
			}
		}
		indent = max(indent, len(line)-len(strings.TrimLeft(line, " -?")))
	}
	return indent <= 16*maxDepth
}

func addSyntax(f *faults, err error) {
	line, column := 1, 1
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
		line = syntax.Token.Position.Line
		column = syntax.Token.Position.Column
		hint := ""
		if strings.HasPrefix(syntax.Message, "found character '\t'") {
			hint = "YAML is indented with spaces, not with tabs"
		}
		f.addAt(line, column, hint, "%s", syntax.Message)
		return
	}
	f.addAt(line, column, "", "the file is no YAML: %s", strings.SplitN(err.Error(), "\n", 2)[0])
}

// reader converts YAML's nodes to ours.
type reader struct{ *faults }

func at(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return t.Position.Line, t.Position.Column
}

func (r *reader) read(n ast.Node, depth int) *node {
	line, column := at(n.GetToken())
	out := &node{line: line, column: column}
	if depth > maxDepth {
		r.add(out, "", "this nests deeper than %d", maxDepth)
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.form = text
		out.text = n.Value
	case *ast.LiteralNode:
		out.form = text
		out.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode:
		out.form = number
		out.text = n.GetToken().Value
	case *ast.BoolNode:
		out.form, out.text = boolean, fmt.Sprint(n.Value)
	case *ast.SequenceNode:
		out.form = list
		for _, v := range n.Values {
			out.items = append(out.items, r.read(v, depth+1))
		}
	case *ast.MappingNode:
		r.readFields(out, n.Values, depth)
	case *ast.MappingValueNode:
		r.readFields(out, []*ast.MappingValueNode{n}, depth)
	default:
		r.add(out, "write the value out", "a catalog has no %s", strings.ToLower(n.Type().String()))
	}
	return out
}

func (r *reader) readFields(out *node, values []*ast.MappingValueNode, depth int) {
	out.form = object
	seen := map[string]bool{}
	for i, v := range values {
		line, column := at(v.Key.GetToken())
		key := &node{line: line, column: column, form: text, text: v.Key.GetToken().Value}
		if s, ok := v.Key.(*ast.StringNode); ok {
			key.text = s.Value
		} else if _, ok := v.Key.(*ast.IntegerNode); !ok {
			r.add(key, "", "a key must be plain text")
			continue
		}
		if i == 0 {
			out.line = line
			out.column = column
		}
		if seen[key.text] {
			r.add(key, "", "the key %q stands here twice", key.text)
			continue
		}
		seen[key.text] = true
		out.fields = append(out.fields, field{key, r.read(v.Value, depth+1)})
	}
}

// get is the value of a key, or nil.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, f := range n.fields {
		if f.key.text == key {
			return f.value
		}
	}
	return nil
}

// at is the entry of an object by its key, or of a list by its number, and where it stands; nil for none.
func (n *node) at(step string) (place, value *node) {
	if n == nil {
		return nil, nil
	}
	for _, f := range n.fields {
		if f.key.text == step {
			return f.key, f.value
		}
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
		return n.items[i], n.items[i]
	}
	return nil, nil
}
