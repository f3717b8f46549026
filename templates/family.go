package templates

import (
	"cmp"
	"slices"

	"vitrine/internal/view"
)

// The limits of a family. The work grows with the square of the number of its members.
const (
	maxMembers = 320
	maxNames   = 8
)

// member is a product of the family, with its values of the product's own options.
type member struct {
	data   view.Value
	url    string
	values []string // of the product's options, by position
	all    bool     // it has a value for each of them
}

// family is the template function of that name: the variants of a product, as an object of
//
//	Choices  the product's options, each an object of Name and Values
//	Rest     siblings that no choice leads to, as the page's data has them
//
// A value is an object of
//
//	Text
//	ID       of the sibling that URL leads to
//	URL      of the sibling that has the value and is otherwise most like the product; "" for the product's own value
//	Image    the first picture of that sibling; of the first option only
//	Current  whether the product has the value
//	Exact    whether the sibling differs in no other option
//	Out      whether that sibling says that it is sold out
//
// A sibling is a member of the family if it has a value for each of the product's options, and differs in at least one.
func family(page view.Value) view.Value {
	path := textAt(page, "Page", "Path")
	names := optionNames(page)
	own := memberOf(page, names)
	members, rest := relatives(page, own, names, path)
	if len(members) == 1 {
		names = nil // nothing to choose
	}
	var choices view.Elements
	for i, name := range names {
		var values view.Elements
		var texts []string
		for _, m := range members {
			if value := m.values[i]; !slices.Contains(texts, value) {
				texts = append(texts, value)
				values = append(values, own.choose(members, i, value, textAt(page, "Page", "Kind")))
			}
		}
		choices = append(choices, view.OfMembers(view.Fields{field("Name", name), {Name: "Values", Value: view.OfElements(values)}}))
	}
	return view.OfMembers(view.Fields{{Name: "Choices", Value: view.OfElements(choices)}, {Name: "Rest", Value: view.OfElements(rest)}})
}

// relatives returns the members of the family, and the siblings that are no members. Each page of the family has the members in
// the same order: that of the siblings, where the product itself is among them, and that of the addresses elsewhere.
func relatives(page view.Value, own member, names []string, path string) (members []member, rest view.Elements) {
	members = []member{own}
	before := 0 // how many members stand before the product among the siblings, counted with it; 0 if it isn't there
	siblings := siblingsOf(page).Walk()
	for s, ok := siblings.Next(); ok && len(members) < maxMembers; s, ok = siblings.Next() {
		m := memberOf(s, names)
		switch {
		case m.url == "": // it has no page
		case m.url == path:
			before = len(members)
		case !m.all || slices.Equal(m.values, own.values):
			rest = append(rest, s)
		default:
			members = append(members, m)
		}
	}
	if before == 0 {
		slices.SortStableFunc(members, func(a, b member) int { return compareURL(a, b, own, path) })
		return members, rest
	}
	return slices.Concat(members[1:before], []member{own}, members[before:]), rest
}

// siblingsOf returns a page's siblings. Where it has none, they are those that its family has.
func siblingsOf(page view.Value) view.Value {
	own := list(page.Get("siblings"))
	all := own.Walk()
	if _, any := all.Next(); any {
		return own
	}
	return list(page.Get("family", "siblings"))
}

// choose returns the entry of Values for a value of an option, by its position: the member with that value that is otherwise most like m.
func (m member) choose(members []member, name int, value, kind string) view.Value {
	best, alike := m, -1
	for _, other := range members {
		if n := m.alike(other); other.values[name] == value && n > alike {
			best, alike = other, n
		}
	}
	current := m.values[name] == value
	id, url, exact, out, image := "", "", false, false, view.Nothing
	if !current {
		id, url = textAt(best.data, kind), best.url
		exact, out = alike == len(m.values)-1, textAt(best.data, "stock", "state") == "out"
	}
	if name == 0 {
		images := list(best.data.Get("product", "images")).Walk()
		image, _ = images.Next()
	}
	return view.OfMembers(view.Fields{field("Text", value), field("ID", id), field("URL", url), {Name: "Image", Value: image},
		{Name: "Current", Value: view.OfBool(current)}, {Name: "Exact", Value: view.OfBool(exact)}, {Name: "Out", Value: view.OfBool(out)}})
}

// alike counts the options of which both have the same value.
func (m member) alike(other member) (n int) {
	for i, value := range m.values {
		if value == other.values[i] {
			n++
		}
	}
	return n
}

// memberOf reads a product's values of the named options. If it has an option twice, the last value counts.
func memberOf(data view.Value, names []string) member {
	m := member{data: data, url: textAt(data, "URL"), values: make([]string, len(names))}
	var has [maxNames]bool
	count := 0
	options := list(data.Get("product", "options")).Walk()
	for o, ok := options.Next(); ok && len(names) > 0; o, ok = options.Next() {
		i := slices.Index(names, textAt(o, "name"))
		if i < 0 {
			continue
		}
		m.values[i] = textAt(o, "value")
		if !has[i] {
			has[i] = true
			count++
		}
	}
	m.all = count == len(names)
	return m
}

// optionNames returns the names of a product's first options, in its order, each once.
func optionNames(data view.Value) (names []string) {
	options := list(data.Get("product", "options")).Walk()
	for o, ok := options.Next(); ok && len(names) < maxNames; o, ok = options.Next() {
		if name := textAt(o, "name"); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// compareURL orders the members by address.
func compareURL(a, b, own member, path string) int {
	address := func(m member) string {
		if m.url == "" && m.url == own.url {
			return path
		}
		return m.url
	}
	x, y := address(a), address(b)
	return cmp.Or(len(x)-len(y), cmp.Compare(x, y))
}
