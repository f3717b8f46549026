package detail

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"github.com/expr-lang/expr/vm"
	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/shape"
)

// match is the first rule that is true of the data, or nil. One that errors does not match and is counted.
func (st *site) match(p *catalog.Page, data []byte) *catalog.Rule {
	for _, rule := range p.Rules {
		yes, err := holds(rule.When, data)
		if err != nil {
			st.server.metrics.rules.WithLabelValues(p.Name).Inc()
			st.server.config.Log.Debug("rule failed", "page", p.Name, "rule", rule.When.Text, "error", err)
			continue
		}
		if yes {
			return rule
		}
	}
	return nil
}

// ruleStatus is the page's status under the rule that matched, nil for none.
func ruleStatus(rule *catalog.Rule) int {
	switch {
	case rule == nil:
		return http.StatusOK
	case rule.Redirect != "":
		return http.StatusFound
	}
	return cmp.Or(rule.Status, http.StatusOK)
}

// holds evaluates a condition over the paths that it names; the rest of the data is not looked at.
func holds(c *catalog.Condition, data []byte) (bool, error) {
	env := map[string]any{}
	for _, path := range c.Paths {
		value, _ := shape.Lookup(data, path)
		put(env, path, value)
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

// put places a value in the environment, making the objects on the way: product.kind of a page without
// product is then nil, and no error. A value that is there already, by a shorter path, contains this one.
func put(env map[string]any, path catalog.Path, value gjson.Result) {
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
	if len(path) > 0 && value.Exists() {
		env[path[len(path)-1]] = plain(value)
	}
}

// plain is a value as expressions compare it: whole numbers as int where they fit, others as float64.
func plain(v gjson.Result) any {
	switch {
	case v.Type == gjson.Number:
		if n, err := strconv.Atoi(v.Raw); err == nil {
			return n
		}
		return v.Num
	case v.IsObject():
		m := map[string]any{}
		v.ForEach(func(name, value gjson.Result) bool { m[name.Str] = plain(value); return true })
		return m
	case v.IsArray():
		list := []any{}
		v.ForEach(func(_, value gjson.Result) bool { list = append(list, plain(value)); return true })
		return list
	}
	return v.Value()
}
