package catalog

import (
	"slices"
	"strings"
)

// What a page consists of is known from the catalog alone where picks and folds say it: {title: .name, price}. A name that
// is not there is then a mistake, and a name that is there twice hides something. A process takes such a catalog all the
// same, as its predecessors did; checks and pushes report it.

// mistake notes an error that does not keep the catalog from being used.
func (c *compiler) mistake(at *node, hint, format string, args ...any) {
	own := faults{file: c.file, lines: c.lines}
	own.add(at, hint, format, args...)
	c.cat.Mistakes = append(c.cat.Mistakes, own.found...)
}

// members lists the members of a dimension's records, where they are known.
func (d *Dimension) members() (names []string, known bool) {
	if d.Pick == nil {
		return nil, false
	}
	return d.Pick.Members()
}

// members lists the members of a blob, where they are known.
func (b *Blob) members() (names []string, known bool) {
	if b.Fold != nil {
		return b.Fold.Members()
	}
	return b.Dimensions(), true
}

// checkFields checks that what refs, html and require name is something that pick gives.
func (c *compiler) checkFields(n *node, d *Dimension) {
	names, known := d.members()
	if !known {
		return
	}
	check := func(at *node, what string, p Path) {
		if len(p) > 0 && !slices.Contains(names, p[0]) {
			c.mistake(at, oneOf("member", p[0], names), "%s names %q, which pick does not give", what, p)
		}
	}
	for _, r := range d.Refs {
		if at := n.get("refs").get(r.Name); at != nil {
			if field := at.get("field"); field != nil {
				at = field
			}
			check(at, "ref "+r.Name, r.Field)
		}
	}
	for _, key := range []string{"html", "require"} {
		at := n.get(key)
		if at == nil {
			continue
		}
		for _, it := range append(slices.Clone(at.items), at) {
			if p, err := ParsePath(it.text); it.form == text && err == nil {
				check(it, key, p)
			}
		}
	}
}

// checkMembers checks that nothing on a page hides something else of it, and that rules read what is there.
func (c *compiler) checkMembers(n *node, p *Page) {
	whose := map[string]string{p.Kind.Name: "the id of the page's entity"}
	complete := p.Blob != nil
	claim := func(at *node, name, what string) {
		if other, taken := whose[name]; taken {
			c.mistake(at, "rename one, or leave it out", "page %s has two members %q: %s, and %s, which would hide it", p.Name, name, other, what)
			return
		}
		whose[name] = what
	}
	for i, b := range append([]*Blob{p.Blob}, p.Overlay...) {
		if b == nil {
			return
		}
		at := n.get("blob")
		if i > 0 {
			at = n.get("overlay").entry(i-1, n)
		}
		names, known := b.shown()
		complete = complete && known
		for _, name := range names {
			claim(at, name, "that of blob "+b.Name)
		}
	}
	if names, known := p.Blob.shown(); known && p.Slug != nil && len(p.Slug.From) > 0 && !slices.Contains(names, p.Slug.From[0]) {
		c.mistake(n.get("slug"), oneOf("member", p.Slug.From[0], names), "slug names %q, which blob %s of page %s does not have", p.Slug.From, p.Blob.Name, p.Name)
	}
	for _, w := range p.With {
		claim(n.get("with").get(w.Ref.Name), w.Ref.Name, "with "+w.Ref.Name)
	}
	if complete {
		c.checkRules(n, p, whose)
	}
}

// checkRules checks that rules read members that the page has.
func (c *compiler) checkRules(n *node, p *Page, whose map[string]string) {
	rules := n.get("rules")
	if rules == nil {
		return
	}
	for i, r := range p.Rules {
		if r.When == nil || i >= len(rules.items) {
			continue
		}
		at := rules.items[i].get("when")
		for _, path := range r.When.Paths {
			if _, there := whose[path[0]]; !there {
				c.mistake(at, oneOf("member", path[0], keysOf(whose)), "the rule reads %s, and page %s has no member %q", path, p.Name, path[0])
				continue
			}
			d, err := p.Kind.Dimension(path[0])
			if err != nil || len(path) < 2 || p.Blob.Fold != nil || len(p.Blob.Inherit) > 0 || !strings.HasPrefix(whose[path[0]], "that of blob") {
				continue
			}
			if names, known := d.members(); known && !slices.Contains(names, path[1]) {
				c.mistake(at, oneOf("member", path[1], names), "the rule reads %s, and pick of dimension %s gives no member %q", path, d.Name, path[1])
			}
		}
	}
}

// entry is the i-th of a list, or a text that stands for a list of one; n where there is none.
func (l *node) entry(i int, n *node) *node {
	switch {
	case l == nil:
		return n
	case i < len(l.items):
		return l.items[i]
	}
	return l
}
