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

// match is the first rule of a page whose condition is true of the data; nil for none. A condition that fails is false; it is
// counted and logged.
func (st *site) match(p *catalog.Page, data []byte) *catalog.Rule {
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
		return http.StatusFound
	}
	return cmp.Or(rule.Status, http.StatusOK)
}

// holds evaluates a condition. Only the paths that it names are read from the data.
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

// put sets the value at a path of the environment, and makes the objects on the way. So product.kind is nil, not an error, for
// a page without a product. Where a shorter path has set a value already, that contains this one.
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

// plain is a JSON value as expressions compare it: an integer as int where it fits, other numbers as float64.
func plain(v gjson.Result) any {
	switch {
	case v.Type == gjson.Number:
		if n, err := strconv.Atoi(v.Raw); err == nil {
			return n
		}
		return v.Num
	case v.IsObject():
		m := map[string]any{}
		v.ForEach(func(name, value gjson.Result) bool {
			m[name.Str] = plain(value)
			return true
		})
		return m
	case v.IsArray():
		list := []any{}
		v.ForEach(func(_, value gjson.Result) bool {
			list = append(list, plain(value))
			return true
		})
		return list
	}
	return v.Value()
}
