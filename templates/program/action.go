package program

import (
	"strconv"
	"strings"
	"text/template/parse"

	"vitrine/internal/view"
)

const escaperPrefix = "_html_template_"

// action is what stands between {{ and }}: a variable that is set, or a value that is escaped and written.
func (c *compiler) action(n *parse.ActionNode) step {
	if words, ok := c.words(n.Pipe); ok {
		return c.metered(n, words)
	}
	if len(n.Pipe.Decl) > 0 {
		value := c.declaring(n.Pipe)
		return func(m *Machine) flow { value(m); return onward }
	}
	cmds := n.Pipe.Cmds
	var names []string
	for len(cmds) > 1 && escaperOf(cmds[len(cmds)-1]) != "" {
		names = append([]string{escaperOf(cmds[len(cmds)-1])}, names...)
		cmds = cmds[:len(cmds)-1]
	}
	value := c.commands(n.Pipe, cmds)
	write := c.escaping(n, names)
	tree := c.code.tree
	return func(m *Machine) flow {
		write(m, value(m))
		m.bound(tree, n)
		return onward
	}
}

// escaperOf is the name of the escaper that a command is, without its prefix; "" for any other command.
func escaperOf(cmd *parse.CommandNode) string {
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok && len(cmd.Args) == 1 {
		name, _ := strings.CutPrefix(id.Ident, escaperPrefix)
		if name != id.Ident {
			return name
		}
	}
	return ""
}

// words are those that a metered tree tells at this place.
func (c *compiler) words(p *parse.PipeNode) (words int, ok bool) {
	args := p.Cmds[0].Args
	id, ok := args[0].(*parse.IdentifierNode)
	if !ok || id.Ident != c.stepFunction || len(args) != 2 {
		return 0, false
	}
	words, err := strconv.Atoi(args[1].String())
	return words, err == nil
}

// metered tells the budget.
func (c *compiler) metered(n parse.Node, words int) step {
	tree := c.code.tree
	return func(m *Machine) flow {
		if err := m.budget.Step(words); err != nil {
			m.end(tree, n, err)
		}
		m.bound(tree, n)
		return onward
	}
}

// writer writes a value in the form that its place in the page needs.
type writer func(m *Machine, v view.Value)

// escaping makes a writer of escapers, which are applied one after another.
func (c *compiler) escaping(n parse.Node, names []string) writer {
	if len(names) == 0 {
		return (*Machine).writePlain
	}
	last := len(names) - 1
	if names[0] == "jsvalescaper" && last == 0 {
		return (*Machine).writeJS
	}
	first := (*Machine).stringify
	if names[0] == "jsvalescaper" {
		first = (*Machine).stringifyJS
		names, last = names[1:], last-1
	}
	var chain []func(string) string
	for _, name := range names[:last] {
		f := filters[name]
		if f == nil {
			c.gap(n, "the escaper "+name+" before another")
			return nil
		}
		chain = append(chain, f)
	}
	final := appenders[names[last]]
	if f := filters[names[last]]; f != nil {
		final = func(m *Machine, dst []byte, s string, _ bool) []byte { return append(dst, f(s)...) }
	}
	if final == nil {
		c.gap(n, "the escaper "+names[last])
		return nil
	}
	return func(m *Machine, v view.Value) {
		s, markup := first(m, v)
		for _, f := range chain {
			s, markup = f(s), false
		}
		m.out = final(m, m.out, s, markup)
	}
}

// writePlain is for what html/template adds no escaper to: the pipeline ends in one already, whose text is written as it is.
func (m *Machine) writePlain(v view.Value) {
	if v.Kind() != view.String {
		m.uncovered()
	}
	m.out = append(m.out, v.Text()...)
}

func (m *Machine) writeJS(v view.Value) { m.out = appendJS(m, m.out, v) }

func (m *Machine) stringifyJS(v view.Value) (s string, markup bool) {
	m.scratch = appendJS(m, m.scratch[:0], v)
	return string(m.scratch), false
}
