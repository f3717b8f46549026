package program

import (
	"strings"
	"text/template/parse"

	"vitrine/internal/view"
)

// declaring compiles a pipeline that may set variables.
func (c *compiler) declaring(p *parse.PipeNode) expr {
	value := c.commands(p, p.Cmds)
	var slots []int
	for _, decl := range p.Decl {
		name := decl.Ident[0]
		switch {
		case name == "$":
			c.gap(p, "$ is set")
		case p.IsAssign:
			slots = append(slots, c.find(p, name))
		default:
			slots = append(slots, c.declare(name))
		}
	}
	if len(slots) == 0 {
		return value
	}
	return func(m *Machine) view.Value {
		v := value(m)
		for _, slot := range slots {
			m.frame[slot] = v
		}
		return v
	}
}

// pipe compiles a pipeline in parentheses.
func (c *compiler) pipe(p *parse.PipeNode) expr {
	if len(p.Decl) > 0 {
		c.gap(p, "a variable is set within parentheses")
	}
	return c.commands(p, p.Cmds)
}

// commands compiles the commands of a pipeline. The value of each is the last argument of the next.
func (c *compiler) commands(p *parse.PipeNode, cmds []*parse.CommandNode) (value expr) {
	for _, cmd := range cmds {
		value = c.command(cmd, value)
		if value == nil {
			c.gap(p, p.String())
			return func(m *Machine) view.Value { return m.uncovered() }
		}
	}
	return value
}

// command compiles one command. final is the expression of the command before it, or nil. The result is nil if the command is not covered.
// At the end of each command Null becomes Missing, because html/template no longer distinguishes the two there.
func (c *compiler) command(cmd *parse.CommandNode, final expr) expr {
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok {
		return c.function(id, cmd, cmd.Args[1:], final)
	}
	if len(cmd.Args) > 1 || final != nil {
		return nil // a method that takes arguments
	}
	switch n := cmd.Args[0].(type) {
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.NilNode:
		return nil
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return c.argument(n, Any)
	}
	value := c.argument(cmd.Args[0], Any)
	if value == nil {
		return nil
	}
	return func(m *Machine) view.Value {
		v := value(m)
		return settled(v)
	}
}

// argument compiles an argument of a function. It returns nil if the argument is not covered, or cannot be of the kind that param asks for.
func (c *compiler) argument(n parse.Node, param Param) expr {
	switch n := n.(type) {
	case *parse.StringNode:
		if param == Whole {
			return nil
		}
		return constant(view.OfText(n.Text))
	case *parse.NumberNode:
		return number(n, param)
	case *parse.BoolNode:
		if param != Any {
			return nil
		}
		return constant(view.OfBool(n.True))
	case *parse.NilNode:
		if param != Any {
			return nil
		}
		return constant(view.Value{})
	}
	return typed(c.operand(n), param)
}

// operand compiles an argument whose value is known only when the template runs. It returns nil if the argument is not covered.
func (c *compiler) operand(n parse.Node) expr {
	switch n := n.(type) {
	case *parse.DotNode:
		return load(c.dot)
	case *parse.FieldNode:
		return fields(load(c.dot), n.Ident)
	case *parse.VariableNode:
		return fields(load(c.find(n, n.Ident[0])), n.Ident[1:])
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.IdentifierNode:
		return c.function(n, n, nil, nil)
	case *parse.ChainNode:
		if pipe, ok := n.Node.(*parse.PipeNode); ok {
			return fields(c.pipe(pipe), n.Field)
		}
	}
	return nil
}

func constant(v view.Value) expr { return func(*Machine) view.Value { return v } }

func load(slot int) expr { return func(m *Machine) view.Value { return m.frame[slot] } }

// number compiles a numeric constant, with the type that the template language gives an untyped one. It returns nil if the constant is not
// covered: complex, too large for an int, or not of the kind that param asks for.
func number(n *parse.NumberNode, param Param) expr {
	lower := strings.ToLower(n.Text)
	hex := strings.HasPrefix(lower, "0x") && !strings.Contains(lower, "p")
	float := n.IsFloat && !hex && !strings.HasPrefix(n.Text, "'") && strings.ContainsAny(lower, ".ep")
	switch {
	case n.IsComplex || param == Text:
		return nil
	case float && param == Any:
		return constant(view.Of(n.Float64))
	case n.IsInt:
		return constant(view.OfInt(int(n.Int64)))
	}
	return nil
}

// typed wraps value in a check, at run time, that its kind is the one that param asks for.
func typed(value expr, param Param) expr {
	want := view.String
	switch {
	case value == nil || param == Any:
		return value
	case param == Whole:
		want = view.Int
	}
	return func(m *Machine) view.Value {
		v := value(m)
		if v.Kind() != want {
			m.uncovered()
		}
		return v
	}
}

// fields compiles a path of member names. A value without members ends the run: it may have a method of that name, or the path is an
// error, and only html/template can decide.
func fields(value expr, names []string) expr {
	if value == nil || len(names) == 0 {
		return value
	}
	return func(m *Machine) view.Value {
		v := value(m)
		for _, name := range names {
			switch v.Kind() {
			case view.Object:
				var ok bool
				v, ok = v.Member(name)
				if !ok {
					v = view.Nothing
				}
			case view.Missing:
			default:
				m.uncovered()
			}
		}
		return v
	}
}

// function compiles the call of a function. nodes are its arguments, and final, unless nil, comes last. It returns nil if the call is not
// covered.
func (c *compiler) function(id *parse.IdentifierNode, at parse.Node, nodes []parse.Node, final expr) expr {
	if id.Ident == "and" || id.Ident == "or" {
		return c.choice(id.Ident == "or", nodes, final)
	}
	f, ok := c.functions[id.Ident]
	if !ok {
		f, ok = builtins[id.Ident]
	}
	count := len(nodes)
	if final != nil {
		count++
	}
	if !ok || !f.accepts(count) {
		return nil
	}
	var args []expr
	for i, n := range nodes {
		arg := c.argument(n, f.param(i))
		if arg == nil {
			return nil
		}
		args = append(args, arg)
	}
	if final != nil {
		args = append(args, typed(final, f.param(len(nodes))))
	}
	if names, ok := constants(nodes); ok && f.Steps && final == nil {
		return stepping(args[0], names)
	}
	if f.Text != nil {
		return texting(f.Text, args[0])
	}
	return c.calling(id.Ident, f, at, args)
}

// constants returns the texts of the nodes behind the first. ok is false if one of them is not a string constant.
func constants(nodes []parse.Node) (texts []string, ok bool) {
	for i, n := range nodes {
		if s, isText := n.(*parse.StringNode); isText && i > 0 {
			texts = append(texts, s.Text)
		}
	}
	return texts, len(texts) == len(nodes)-1
}

// stepping compiles a call of a Func with Steps, whose names are constants.
func stepping(value expr, names []string) expr {
	return func(m *Machine) view.Value {
		v := value(m)
		for _, name := range names {
			var ok bool
			v, ok = v.Member(name)
			if !ok {
				return view.Value{}
			}
		}
		return settled(v)
	}
}

// texting compiles a call of a Func with Text.
func texting(text func(view.Value) string, value expr) expr {
	return func(m *Machine) view.Value { return view.OfText(text(value(m))) }
}

func (c *compiler) calling(name string, f Func, at parse.Node, args []expr) expr {
	tree := c.code.tree
	return func(m *Machine) view.Value {
		base := len(m.args)
		for _, arg := range args {
			v := arg(m)
			m.args = append(m.args, v)
		}
		v, err := f.Call(&m.budget, m.args[base:])
		m.args = m.args[:base]
		if err != nil {
			m.failed(tree, at, name, err)
		}
		return settled(v)
	}
}

// choice compiles and and or, which evaluate no more arguments than they need. The value that the pipeline passes on is evaluated first,
// in any case.
func (c *compiler) choice(or bool, nodes []parse.Node, final expr) expr {
	var args []expr
	for _, n := range nodes {
		arg := c.argument(n, Any)
		if arg == nil {
			return nil
		}
		args = append(args, arg)
	}
	if len(args) == 0 {
		return nil
	}
	return func(m *Machine) (v view.Value) {
		var last view.Value
		if final != nil {
			last = final(m)
		}
		for _, arg := range args {
			v = arg(m)
			if v.Truth() == or {
				return settled(v)
			}
		}
		if final != nil {
			v = last
		}
		return settled(v)
	}
}

// settled returns v, with Null replaced by Missing.
func settled(v view.Value) view.Value {
	if v.IsNone() {
		return view.Value{}
	}
	return v
}
