package templates

import (
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/item"
)

// maxTurns bounds what a template may count up to by itself.
const maxTurns = 10_000

// lint refuses what would run for ever without writing a byte: no deadline reaches into a template, so
// {{range 2000000000}}{{end}} would hold a core until it is done. Templates have no arithmetic, hence a
// large count can only come from a literal; literals are free in comparisons. Ranges over literals
// multiply where they are nested.
func lint(t *parse.Tree) error {
	if t == nil || t.Root == nil {
		return nil
	}
	l := linter{tree: t}
	l.walk(t.Root, 1)
	return l.err
}

type linter struct {
	tree *parse.Tree
	err  error
}

func (l *linter) walk(n parse.Node, turns int64) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				l.walk(child, turns)
			}
		}
	case *parse.ActionNode:
		l.pipe(n.Pipe)
	case *parse.TemplateNode:
		l.pipe(n.Pipe)
	case *parse.IfNode:
		l.branch(&n.BranchNode, turns)
	case *parse.WithNode:
		l.branch(&n.BranchNode, turns)
	case *parse.RangeNode:
		l.branch(&n.BranchNode, turns*l.count(n, turns))
	}
}

func (l *linter) branch(n *parse.BranchNode, turns int64) {
	l.pipe(n.Pipe)
	l.walk(n.List, turns)
	l.walk(n.ElseList, turns)
}

// count is how often a range over a literal turns; 1 for any other.
func (l *linter) count(n *parse.RangeNode, turns int64) int64 {
	if len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
		return 1
	}
	number, ok := n.Pipe.Cmds[0].Args[0].(*parse.NumberNode)
	if !ok || !number.IsInt || number.Int64 < 1 {
		return 1
	}
	if number.Int64 > maxTurns || number.Int64*turns > maxTurns {
		l.refuse(n, "ranges over literals turn more than %d times", maxTurns)
		return 1
	}
	return number.Int64
}

func (l *linter) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		if compares(c) {
			continue
		}
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.NumberNode:
				if arg.IsInt && arg.Int64 > maxTurns || arg.IsUint && arg.Uint64 > maxTurns {
					l.refuse(arg, "the number %s is above %d outside a comparison", arg.Text, maxTurns)
				}
			case *parse.PipeNode:
				l.pipe(arg)
			}
		}
	}
}

func compares(c *parse.CommandNode) bool {
	name, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && slices.Contains([]string{"eq", "ne", "lt", "le", "gt", "ge"}, name.Ident) &&
		!slices.ContainsFunc(c.Args, func(n parse.Node) bool { _, nested := n.(*parse.PipeNode); return nested })
}

func (l *linter) refuse(n parse.Node, format string, args ...any) {
	if l.err == nil {
		location, _ := l.tree.ErrorContext(n)
		location = strings.TrimSuffix(location, ":")
		l.err = fmt.Errorf("%w: %s: %s", item.ErrRefused, location, fmt.Sprintf(format, args...))
	}
}
