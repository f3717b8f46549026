package program

import (
	"text/template/parse"

	"vitrine/internal/view"
)

// loop is a compiled range.
type loop struct {
	value          expr
	dot            int
	index, element []int // slots of the variables; at most one each
	two            bool  // the range names two variables
	body, none     block
}

func (c *compiler) loop(n *parse.RangeNode) step {
	variables := len(c.variables)
	l := &loop{value: c.declaring(n.Pipe), dot: c.slot(), two: len(n.Pipe.Decl) > 1}
	switch decl := n.Pipe.Decl; len(decl) {
	case 0:
	case 1:
		l.element = []int{c.find(n, decl[0].Ident[0])}
	default:
		l.index, l.element = []int{c.find(n, decl[0].Ident[0])}, []int{c.find(n, decl[1].Ident[0])}
	}
	l.body, l.none = c.scoped(l.dot, n.List), c.scoped(c.dot, n.ElseList)
	c.variables = c.variables[:variables]
	return l.run
}

func (l *loop) run(m *Machine) flow {
	v := l.value(m)
	switch {
	case v.Kind() == view.Int && !l.two:
		for i := range v.Int() {
			if l.once(m, view.Value{}, view.OfInt(i)) == broken {
				break
			}
		}
		if v.Int() > 0 {
			return onward
		}
	case !v.Truth() && (v.Kind() == view.List || v.Kind() == view.Object || v.Kind() == view.Missing):
	case v.Kind() == view.List:
		walk := v.Walk()
		for i := 0; ; i++ {
			element, ok := walk.Next()
			if !ok || l.once(m, view.OfInt(i), element) == broken {
				return onward
			}
		}
	case v.Kind() == view.Object:
		for _, name := range v.Names() {
			member, _ := v.Member(name)
			if l.once(m, view.OfText(name), member) == broken {
				break
			}
		}
		return onward
	default:
		m.uncovered()
	}
	return l.none.run(m)
}

// once executes the body for one element.
func (l *loop) once(m *Machine, index, element view.Value) flow {
	for _, slot := range l.index {
		m.frame[slot] = index
	}
	for _, slot := range l.element {
		m.frame[slot] = element
	}
	m.frame[l.dot] = element
	return l.body.run(m)
}
