package templates

import "slices"

// Family is what a product can be exchanged for: its siblings, as choices by option.
type Family struct {
	Choices []Choice
	Rest    []any // siblings that no choice leads to, as the page's data has them
}

// Choice is one option with all its values in the family.
type Choice struct {
	Name   string
	Values []Value
}

// Value is one value of an option. URL leads to the sibling that has it and is otherwise most like the
// product; it is "" for the product's own.
type Value struct {
	Text    string
	URL     string
	Image   any  // the first picture of that sibling, for the first option only
	Current bool // the product has it
	Exact   bool // the sibling differs in nothing else
}

// Bounds of a family, whose choices take the square of its members.
const (
	maxMembers = 128
	maxNames   = 8
)

// member is a product of the family with its options by name.
type member struct {
	data    any
	url     string
	options map[string]string
}

// family is the template function: the choices among a page's siblings. Only products that have a value
// for each of this product's options, and differ in at least one, take part.
func family(page any) (f Family) {
	own := memberOf(page)
	names := optionNames(page)
	members := []member{own}
	for _, s := range list(get(page, "siblings")) {
		m := memberOf(s)
		if len(members) == maxMembers {
			break
		}
		if m.url == "" || m.url == text(get(page, "Page", "Path")) {
			continue // it has no page, or it is the product itself
		}
		if len(names) == 0 || !own.comparable(m, names) {
			f.Rest = append(f.Rest, s)
			continue
		}
		members = append(members, m)
	}
	slices.SortStableFunc(members, func(a, b member) int { return compareURL(a, b, own, text(get(page, "Page", "Path"))) })
	if len(members) == 1 {
		names = nil // nothing to choose
	}
	for i, name := range names {
		c := Choice{Name: name}
		for _, m := range members {
			value := m.options[name]
			if !slices.ContainsFunc(c.Values, func(v Value) bool { return v.Text == value }) {
				c.Values = append(c.Values, own.choose(members, names, name, value, i == 0))
			}
		}
		f.Choices = append(f.Choices, c)
	}
	return f
}

// choose finds the member with a value that is otherwise most like m.
func (m member) choose(members []member, names []string, name, value string, first bool) Value {
	v := Value{Text: value, Current: m.options[name] == value}
	best, alike := m, -1
	for _, other := range members {
		if n := other.alike(m, names); other.options[name] == value && n > alike {
			best, alike = other, n
		}
	}
	if !v.Current {
		v.URL, v.Exact = best.url, alike == len(names)-1
	}
	if first {
		if images := list(get(best.data, "product", "images")); len(images) > 0 {
			v.Image = images[0]
		}
	}
	return v
}

func (m member) alike(other member, names []string) (n int) {
	for _, name := range names {
		if m.options[name] == other.options[name] {
			n++
		}
	}
	return n
}

func (m member) comparable(other member, names []string) bool {
	differs := false
	for _, name := range names {
		value, ok := other.options[name]
		if !ok {
			return false
		}
		differs = differs || value != m.options[name]
	}
	return differs
}

func memberOf(data any) member {
	m := member{data: data, url: text(get(data, "URL")), options: map[string]string{}}
	for _, o := range list(get(data, "product", "options")) {
		m.options[text(get(o, "name"))] = text(get(o, "value"))
	}
	return m
}

// optionNames are the names of a product's first options in its order, each once.
func optionNames(data any) (names []string) {
	for _, o := range list(get(data, "product", "options")) {
		if name := text(get(o, "name")); name != "" && len(names) < maxNames && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// compareURL orders the family by address, so that each of its pages shows the values in one order.
func compareURL(a, b, own member, path string) int {
	address := func(m member) string {
		if m.url == "" && m.url == own.url {
			return path
		}
		return m.url
	}
	x, y := address(a), address(b)
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	if x < y {
		return -1
	}
	if x > y {
		return 1
	}
	return 0
}
