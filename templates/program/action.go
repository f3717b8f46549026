package program

import (
	"strconv"
	"strings"
	"text/template/parse"

	"vitrine/internal/view"
)

const escaperPrefix = "_html_template_"

// action compiles what stands between {{ and }}. An action sets a variable, or it escapes a value and writes it.
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

// escaperOf returns the name of the escaper that a command calls, without its prefix; "" for any other command.
func escaperOf(cmd *parse.CommandNode) string {
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok && len(cmd.Args) == 1 {
		name, _ := strings.CutPrefix(id.Ident, escaperPrefix)
		if name != id.Ident {
			return name
		}
	}
	return ""
}

// words returns the number of words in a call of the step function. ok is false if the pipeline is not such a call.
func (c *compiler) words(p *parse.PipeNode) (words int, ok bool) {
	args := p.Cmds[0].Args
	id, ok := args[0].(*parse.IdentifierNode)
	if !ok || id.Ident != c.stepFunction || len(args) != 2 {
		return 0, false
	}
	words, err := strconv.Atoi(args[1].String())
	return words, err == nil
}

// metered compiles a call of the step function, which charges so many words to the budget.
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

// writer writes a value, escaped for its place in the page.
type writer func(m *Machine, v view.Value)

// escaping returns a writer that applies the named escapers one after another. It is nil, and a Gap is recorded, if one is not covered.
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

// writePlain writes a text as it is. It serves actions to which html/template adds no escaper, because their pipeline ends in one.
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
