package templates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/item"
)

const (
	maxTurns = 10_000    // what a template may count up to by itself
	maxWork  = 1_000_000 // steps of one page, ranges over literals and calls multiplied out
)

// lint refuses what would run for ever without writing a byte: no deadline reaches into a template, so
// {{range 2000000000}}{{end}} would hold a core until it is done. Templates have no arithmetic, hence a
// large count can only come from a literal; literals are free in comparisons. Calls multiply as nested
// ranges do, and a template that calls itself twice never ends: none may call itself by any way.
func lint(trees map[string]*parse.Tree) error {
	l := linter{trees: trees, work: map[string]int64{}}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		l.template(name)
	}
	return l.err
}

type linter struct {
	trees map[string]*parse.Tree
	work  map[string]int64 // steps by template; running while it is walked
	tree  *parse.Tree      // being walked
	err   error
}

const running = -1

// template gives the steps of one template, its calls included.
func (l *linter) template(name string) int64 {
	if steps, ok := l.work[name]; ok {
		return steps
	}
	tree := l.trees[name]
	if tree == nil || tree.Root == nil {
		return 0 // html/template names the missing one
	}
	caller := l.tree
	l.tree, l.work[name] = tree, running
	steps := l.walk(tree.Root, 1)
	l.tree, l.work[name] = caller, steps
	return steps
}

// call gives the steps of a {{template}}.
func (l *linter) call(n *parse.TemplateNode) int64 {
	steps := l.template(n.Name)
	if steps == running {
		l.refuse(n, "template %q calls itself", n.Name)
		return 0
	}
	return steps
}

// walk checks a node and gives its steps; turns is how often ranges around it repeat it.
func (l *linter) walk(n parse.Node, turns int64) (steps int64) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				steps += l.walk(child, turns)
			}
		}
	case *parse.ActionNode:
		l.pipe(n.Pipe)
	case *parse.TemplateNode:
		l.pipe(n.Pipe)
		steps = l.call(n)
	case *parse.IfNode:
		steps = l.branch(&n.BranchNode, turns)
	case *parse.WithNode:
		steps = l.branch(&n.BranchNode, turns)
	case *parse.RangeNode:
		count := l.count(n, turns)
		steps = count * l.branch(&n.BranchNode, turns*count)
	}
	if steps++; steps > maxWork {
		l.refuse(n, "takes more than %d steps", maxWork)
		return 1
	}
	return steps
}

func (l *linter) branch(n *parse.BranchNode, turns int64) int64 {
	l.pipe(n.Pipe)
	return l.walk(n.List, turns) + l.walk(n.ElseList, turns)
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
