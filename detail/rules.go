package detail

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"github.com/expr-lang/expr/vm"
	"vitrine/internal/catalog"
	"vitrine/internal/view"
)

// ruleOf is the rule that decides a page; nil for none.
func (st *site) ruleOf(read *reading) *catalog.Rule {
	data, err := st.data(read)
	if err != nil {
		return nil
	}
	defer data.free()
	return st.match(read.page, data.data)
}

// match is the first rule of a page whose condition is true of the data; nil for none. A condition that fails is false; it is
// counted and logged.
func (st *site) match(p *catalog.Page, data view.Value) *catalog.Rule {
	for _, rule := range p.Rules {
		yes, err := holds(rule.When, data)
		if err != nil {
			st.server.metrics.ruleFailed(p.Name)
			st.server.config.Log.Debug("rule failed", "page", p.Name, "rule", rule.When.Text, "error", err)
			continue
		}
		if yes {
			return rule
		}
	}
	return nil
}

// ruleStatus is the page's status by the rule that matched, which is nil where none did.
func ruleStatus(rule *catalog.Rule) int {
	switch {
	case rule == nil:
		return http.StatusOK
	case rule.Redirect != "":
		return cmp.Or(rule.Status, http.StatusFound)
	}
	return cmp.Or(rule.Status, http.StatusOK)
}

// holds evaluates a condition. Only the paths that it names are read from the data.
func holds(c *catalog.Condition, data view.Value) (bool, error) {
	env := map[string]any{}
	for _, path := range c.Paths {
		value, ok := at(data, path)
		put(env, path, value, ok)
	}
	out, err := vm.Run(c.Program, env)
	if err != nil {
		return false, err
	}
	yes, ok := out.(bool)
	if !ok {
		return false, errors.New("the rule gives no boolean")
	}
	return yes, nil
}

// at finds what stands at a path.
func at(v view.Value, path catalog.Path) (_ view.Value, ok bool) {
	for _, step := range path {
		v, ok = v.Member(step)
		if !ok {
			return v, false
		}
	}
	return v, ok
}

// put sets the value at a path of the environment, and makes the objects on the way. So product.kind is nil, not an error, for
// a page without a product. Where a shorter path has set a value already, that contains this one.
func put(env map[string]any, path catalog.Path, value view.Value, there bool) {
	for _, step := range path[:max(0, len(path)-1)] {
		next, ok := env[step].(map[string]any)
		if !ok {
			if env[step] != nil {
				return
			}
			next = map[string]any{}
			env[step] = next
		}
		env = next
	}
	if there {
		env[path[len(path)-1]] = plain(value)
	}
}

// plain is a JSON value as expressions compare it: an integer as int where it fits, other numbers as float64.
func plain(v view.Value) any {
	switch v.Kind() {
	case view.Number:
		if n, err := strconv.Atoi(v.Text()); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(v.Text(), 64) // it is a number; one that is too large is infinite
		return f
	case view.HTML:
		return v.Text()
	case view.Object:
		m := map[string]any{}
		for _, name := range v.Names() {
			m[name] = plain(v.Get(name))
		}
		return m
	case view.List:
		list := []any{}
		walk := v.Walk()
		for element, ok := walk.Next(); ok; element, ok = walk.Next() {
			list = append(list, plain(element))
		}
		return list
	}
	return v.Decode()
}
