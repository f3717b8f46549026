package program

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/view"
)

// Program is a set of compiled templates. It is safe for concurrent use.
type Program struct {
	codes    map[string]*code
	machines machines
}

// Gap is a construct of a template that only html/template can execute. What describes it.
type Gap struct {
	File string
	Line int
	What string
}

func (g Gap) String() string { return fmt.Sprintf("%s:%d: %s", g.File, g.Line, g.What) }

// code is one compiled template.
type code struct {
	tree  *parse.Tree
	body  block
	slots int     // size of its frame: $, then its variables and dots
	need  int     // slots of its frame and of those of the templates it executes
	gaps  []Gap   // without those of the templates it executes
	calls []*code // templates that it executes
	done  bool
}

// covered reports whether the template and all templates that it executes can be run.
func (c *code) covered() bool {
	return c.done && len(c.gaps) == 0 && !slices.ContainsFunc(c.calls, func(called *code) bool { return !called.covered() })
}

// Compile compiles trees that html/template has escaped, by the names of their templates. functions holds the functions that the trees
// call, besides builtins. stepFunction is the name of the function with which metered trees call Budget.Step. What Compile does not cover
// is listed by Gaps.
func Compile(trees map[string]*parse.Tree, functions map[string]Func, stepFunction string) *Program {
	p := &Program{codes: map[string]*code{}}
	for name := range trees {
		p.compile(name, trees, functions, stepFunction)
	}
	return p
}

// Covers reports whether Run can execute the template with that name.
func (p *Program) Covers(name string) bool {
	code := p.codes[name]
	return code != nil && code.covered()
}

// Gaps returns the constructs that are not covered, sorted by file, line and text, each once.
func (p *Program) Gaps() (all []Gap) {
	for _, code := range p.codes {
		all = append(all, code.gaps...)
	}
	slices.SortFunc(all, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, cmp.Compare(a.What, b.What))
	})
	return slices.Compact(all)
}

func (p *Program) compile(name string, trees map[string]*parse.Tree, functions map[string]Func, stepFunction string) *code {
	if have := p.codes[name]; have != nil {
		return have // if it is not done yet, the template is recursive, and is not covered
	}
	made := &code{tree: trees[name]}
	p.codes[name] = made
	if made.tree == nil || made.tree.Root == nil {
		return made
	}
	c := &compiler{code: made, functions: functions, stepFunction: stepFunction, template: func(name string) *code {
		return p.compile(name, trees, functions, stepFunction)
	}}
	made.slots = 1
	c.variables = []variable{{"$", 0}}
	made.body = c.list(made.tree.Root)
	made.need = made.slots
	for _, called := range made.calls {
		made.need = max(made.need, made.slots+called.need)
	}
	made.done = true
	return made
}

// compiler compiles one template.
type compiler struct {
	code         *code
	functions    map[string]Func
	stepFunction string
	template     func(name string) *code
	variables    []variable // in scope, the innermost last
	dot          int        // slot of the dot in scope
}

type variable struct {
	name string
	slot int
}

func (c *compiler) slot() int {
	c.code.slots++
	return c.code.slots - 1
}

// declare adds a variable to the scope and returns its slot.
func (c *compiler) declare(name string) int {
	slot := c.slot()
	c.variables = append(c.variables, variable{name, slot})
	return slot
}

// find returns the slot of the innermost variable with that name.
func (c *compiler) find(n parse.Node, name string) int {
	for i := len(c.variables) - 1; i >= 0; i-- {
		if c.variables[i].name == name {
			return c.variables[i].slot
		}
	}
	c.gap(n, "the variable "+name)
	return 0
}

// gap records that the construct at n is not covered.
func (c *compiler) gap(n parse.Node, what string) {
	file, line := place(c.code.tree, n)
	c.code.gaps = append(c.code.gaps, Gap{file, line, what})
}

func (c *compiler) list(n *parse.ListNode) (b block) {
	if n == nil {
		return nil
	}
	for _, child := range n.Nodes {
		if s := c.node(child); s != nil {
			b = append(b, s)
		}
	}
	return b
}

// scoped compiles a list of nodes in a scope of its own, with the dot in the given slot.
func (c *compiler) scoped(dot int, n *parse.ListNode) block {
	variables, outer := len(c.variables), c.dot
	c.dot = dot
	b := c.list(n)
	c.variables, c.dot = c.variables[:variables], outer
	return b
}

func (c *compiler) node(n parse.Node) step {
	switch n := n.(type) {
	case *parse.TextNode:
		text := n.Text
		return func(m *Machine) flow { m.out = append(m.out, text...); return onward }
	case *parse.ActionNode:
		return c.action(n)
	case *parse.IfNode:
		return c.branch(&n.BranchNode, false)
	case *parse.WithNode:
		return c.branch(&n.BranchNode, true)
	case *parse.RangeNode:
		return c.loop(n)
	case *parse.TemplateNode:
		return c.call(n)
	case *parse.BreakNode:
		return func(*Machine) flow { return broken }
	case *parse.ContinueNode:
		return func(*Machine) flow { return continued }
	case *parse.CommentNode:
		return nil
	}
	c.gap(n, fmt.Sprintf("a node of type %T", n))
	return nil
}

// branch compiles an if or a with.
func (c *compiler) branch(n *parse.BranchNode, with bool) step {
	variables := len(c.variables)
	value := c.declaring(n.Pipe)
	dot := c.dot
	if with {
		dot = c.slot()
	}
	then, otherwise := c.scoped(dot, n.List), c.scoped(c.dot, n.ElseList)
	c.variables = c.variables[:variables]
	return func(m *Machine) flow {
		v := value(m)
		if !v.Truth() {
			return otherwise.run(m)
		}
		if with {
			m.frame[dot] = v
		}
		return then.run(m)
	}
}

func (c *compiler) call(n *parse.TemplateNode) step {
	value := func(*Machine) view.Value { return view.Value{} }
	if n.Pipe != nil {
		value = c.declaring(n.Pipe)
	}
	called := c.template(n.Name)
	if called.tree == nil {
		name, _, _ := strings.Cut(n.Name, "$htmltemplate_") // html/template derives a template for each context it is called in
		c.gap(n, "template "+name+", which is called where no plain HTML is, as in an attribute or a script,")
	}
	c.code.calls = append(c.code.calls, called)
	return func(m *Machine) flow {
		m.call(called, value(m))
		return onward
	}
}
