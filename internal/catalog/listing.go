package catalog

import "strings"

// Listing says what a page lists: the entities of a kind that refer to the page's entity, and to the entities below it.
type Listing struct {
	Page   *Page   // the first page of the kind: its blobs, overlays and rules decide what is listed, and as what
	Ref    *Ref    // of that kind, or of what its page inherits from, to the page's own
	By     *With   // the kind's ref by which it inherits Ref; nil where Ref is its own
	Below  *Ref    // of the page's kind, to its parent; nil for none: what refers to an entity below is not listed
	Orders []Order // in which a visitor can have the list
}

// Order is one order of a list, by a text or a number of the listed page's data.
type Order struct {
	Name string
	By   Path
	Down bool // the highest first
}

// listing reads what a page lists. The kind's page is found when all pages are known.
func (c *compiler) listing(n *node, p *Page) {
	kind, ref, below := "", "", ""
	l := &Listing{}
	ok := c.fieldsOf(n, "lists", map[string]func(*node){
		"kind": c.str("kind", &kind), "ref": c.str("ref", &ref), "below": c.str("below", &below),
		"order": func(n *node) { c.orders(n, l) },
	})
	if !ok {
		return
	}
	k := c.cat.Kinds[kind]
	if k == nil {
		c.add(n, oneOf("kind", kind, keysOf(c.cat.Kinds)), "lists names no kind: %q", kind)
		return
	}
	if _, err := k.Ref(ref); err == nil {
		l.Ref = c.refTo(n, "ref", k, ref, p.Kind)
	}
	if below != "" {
		l.Below = c.refTo(n, "below", p.Kind, below, p.Kind)
	}
	p.Lists = l
	c.atEnd = append(c.atEnd, func() {
		for _, q := range c.cat.Pages {
			if q.Kind == k && q.Lists == nil && l.Page == nil {
				l.Page = q
			}
		}
		if l.Page == nil {
			c.add(n, "add a page for the kind", "page %s lists what has no page: kind %s", p.Name, kind)
			return
		}
		if l.Ref == nil {
			c.inheritedRef(n, l, ref, p.Kind)
		}
	})
}

// inheritedRef finds the ref of a list among those that the listed page inherits.
func (c *compiler) inheritedRef(n *node, l *Listing, name string, to *Kind) {
	there := l.Page.Kind.refNames()
	for _, w := range l.Page.Inherits() {
		if w.Blob.ownRefs()[name] != nil {
			l.By = &w
			l.Ref = c.refTo(n, "ref", w.Blob.Kind, name, to)
			return
		}
		there = append(there, keysOf(w.Blob.ownRefs())...)
	}
	c.add(n.value("ref"), oneOf("ref", name, there), "kind %s has no ref %q", l.Page.Kind.Name, name)
}

// refTo finds a ref from one kind to another.
func (c *compiler) refTo(n *node, key string, from *Kind, name string, to *Kind) *Ref {
	r, err := from.Ref(name)
	if err != nil {
		c.add(n.value(key), oneOf("ref", name, from.refNames()), "kind %s has no ref %q", from.Name, name)
		return nil
	}
	if r.Kind != to {
		c.add(n.value(key), "", "ref %s of %s refers to a %s, not to a %s", name, from.Name, r.Kind.Name, to.Name)
	}
	return r
}

// value is the value of a key, or the object itself where it has none.
func (n *node) value(key string) *node {
	if v := n.get(key); v != nil {
		return v
	}
	return n
}

// orders reads NAME: PATH, with a hyphen before the path for the highest first.
func (c *compiler) orders(n *node, l *Listing) {
	c.named(n, "order", func(key, n *node) {
		o := Order{Name: key.text}
		if !c.want(n, text, "order."+o.Name) {
			return
		}
		plain, down := strings.CutPrefix(n.text, "-")
		by, err := ParsePath(plain)
		if err != nil {
			c.add(n, "write it as price.amount, or -price.amount for the highest first", "order: %v", err)
			return
		}
		o.By, o.Down = by, down
		l.Orders = append(l.Orders, o)
	})
}
