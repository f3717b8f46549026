package templates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/item"
)

// Bounds of what html/template may be given to escape. It recurses with the depth of blocks and calls, and goes through
// the body of a range twice, hence 2ⁿ times through one at depth n.
const (
	maxTemplates = 1000
	maxDepth     = 100     // of blocks and calls within each other
	maxEscaped   = 500_000 // nodes, each counted as often as it is gone through
	maxAction    = 200     // words between {{ and }}
)

// lint refuses templates that would cost too much before they run, and those that call themselves. What they cost when
// they run is bounded by a budget.
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
	depths  map[string]int // by template, its calls included; running while it is walked
	tree    *parse.Tree    // being walked
	escaped int
	err     error
}

const running = -1

// template gives the depth of one template.
func (l *linter) template(name string) int {
	if depth, ok := l.depths[name]; ok {
		return depth
	}
	tree := l.trees[name]
	if tree == nil || tree.Root == nil {
		return 0 // html/template names the missing one
	}
	caller := l.tree
	l.tree, l.depths[name] = tree, running
	depth := l.list(tree.Root, 1)
	l.tree, l.depths[name] = caller, depth
	return depth
}

// list walks the nodes of a block, each of which is escaped so many times, and gives their depth.
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
	words := weight(n)
	l.escaped += words * times
	switch {
	case l.escaped > maxEscaped:
		l.refuse(n, "the templates are too large, or their ranges stand too deep within each other")
		return 0
	case words > maxAction:
		l.refuse(n, "more than %d words stand between {{ and }}", maxAction)
		return 0
	}
	switch n := n.(type) {
	case *parse.TemplateNode:
		if depth = l.template(n.Name); depth == running {
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

// branchOf is the branch of an if, a with or a range; nil for any other node.
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

// weight counts the words of a node, without the blocks that it holds.
func weight(n parse.Node) int {
	switch n := n.(type) {
	case *parse.ActionNode:
		return 1 + wordsOf(n.Pipe)
	case *parse.TemplateNode:
		return 1 + wordsOf(n.Pipe)
	}
	if b := branchOf(n); b != nil {
		return 1 + wordsOf(b.Pipe)
	}
	return 1
}

func wordsOf(p *parse.PipeNode) (n int) {
	if p == nil {
		return 0
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				n += wordsOf(arg)
			case *parse.ChainNode:
				n += len(arg.Field)
				if inner, ok := arg.Node.(*parse.PipeNode); ok {
					n += wordsOf(inner)
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
