package templates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/item"
)

// Bounds of what html/template may be given to escape. It recurses with the depth of blocks and calls. It walks the body of a range twice,
// hence 2ⁿ times at depth n.
const (
	maxTemplates = 1000
	maxDepth     = 100     // of nested blocks and calls
	maxEscaped   = 500_000 // operands, each counted as often as it is walked
	maxAction    = 200     // operands between {{ and }}
)

// lint refuses templates that would cost too much before they run, and templates that call themselves. It fails with item.ErrRefused, and
// names file and line. What templates cost when they run is bounded by a budget.
func lint(trees map[string]*parse.Tree) error {
	if len(trees) > maxTemplates {
		return fmt.Errorf("%w: %d templates are more than %d", item.ErrRefused, len(trees), maxTemplates)
	}
	l := linter{trees: trees, depths: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		l.template(name)
	}
	return l.err
}

type linter struct {
	trees   map[string]*parse.Tree
	depths  map[string]int // of each template, its calls included; running while it is walked
	tree    *parse.Tree    // the one being walked
	escaped int
	err     error
}

const running = -1 // in place of a depth

// template returns the depth of a template, running if it is being walked.
func (l *linter) template(name string) int {
	if depth, ok := l.depths[name]; ok {
		return depth
	}
	tree := l.trees[name]
	if tree == nil || tree.Root == nil {
		return 0 // html/template reports that it is missing
	}
	caller := l.tree
	l.tree, l.depths[name] = tree, running
	depth := l.list(tree.Root, 1)
	l.tree, l.depths[name] = caller, depth
	return depth
}

// list walks the nodes of a block, each of which html/template escapes times times, and returns their depth.
func (l *linter) list(n *parse.ListNode, times int) (depth int) {
	if n == nil {
		return 0
	}
	for _, child := range n.Nodes {
		if l.err == nil {
			depth = max(depth, 1+l.node(child, times))
		}
		if depth > maxDepth {
			l.refuse(child, "blocks and calls stand more than %d deep within each other", maxDepth)
		}
	}
	return depth
}

func (l *linter) node(n parse.Node, times int) (depth int) {
	operands := weight(n)
	l.escaped += operands * times
	switch {
	case l.escaped > maxEscaped:
		l.refuse(n, "the templates are too large, or their ranges stand too deep within each other")
		return 0
	case operands > maxAction:
		l.refuse(n, "more than %d names and values stand between {{ and }}", maxAction)
		return 0
	}
	switch n := n.(type) {
	case *parse.TemplateNode:
		depth = l.template(n.Name)
		if depth == running {
			l.refuse(n, "template %q calls itself", n.Name)
		}
		return depth
	case *parse.RangeNode:
		return max(l.list(n.List, 2*times), l.list(n.ElseList, times))
	}
	if b := branchOf(n); b != nil {
		return max(l.list(b.List, times), l.list(b.ElseList, times))
	}
	return 0
}

// branchOf returns the branch of an if, a with or a range; nil for any other node.
func branchOf(n parse.Node) *parse.BranchNode {
	switch n := n.(type) {
	case *parse.IfNode:
		return &n.BranchNode
	case *parse.WithNode:
		return &n.BranchNode
	case *parse.RangeNode:
		return &n.BranchNode
	}
	return nil
}

// weight counts the operands of a node and one for itself, without the blocks that it holds.
func weight(n parse.Node) int {
	switch n := n.(type) {
	case *parse.ActionNode:
		return 1 + operandsOf(n.Pipe)
	case *parse.TemplateNode:
		return 1 + operandsOf(n.Pipe)
	}
	if b := branchOf(n); b != nil {
		return 1 + operandsOf(b.Pipe)
	}
	return 1
}

// operandsOf counts the operands of a pipeline: names, fields, literals, and variables that it declares.
func operandsOf(p *parse.PipeNode) (n int) {
	if p == nil {
		return 0
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				n += operandsOf(arg)
			case *parse.ChainNode:
				n += len(arg.Field)
				if inner, ok := arg.Node.(*parse.PipeNode); ok {
					n += operandsOf(inner)
				}
			case *parse.FieldNode:
				n += len(arg.Ident)
			case *parse.VariableNode:
				n += len(arg.Ident)
			}
			n++
		}
	}
	return n + len(p.Decl)
}

func (l *linter) refuse(n parse.Node, format string, args ...any) {
	if l.err == nil {
		location, _ := l.tree.ErrorContext(n)
		location = strings.TrimSuffix(location, ":")
		l.err = fmt.Errorf("%w: %s: %s", item.ErrRefused, location, fmt.Sprintf(format, args...))
	}
}
