package catalog

import "slices"

// inherit reads the pairs of a ref's name and the blob that what it refers to gives.
func (c *compiler) inherit(n *node, b *Blob) {
	if !c.want(n, object, "inherit") {
		return
	}
	held := b.ownRefs()
	for _, f := range n.fields {
		r := held[f.key.text]
		switch {
		case r == nil:
			c.add(f.key, oneOf("ref", f.key.text, keysOf(held)), "no dimension of blob %s has a ref %q", b.Name, f.key.text)
			continue
		case !c.want(f.value, text, "inherit."+r.Name):
			continue
		}
		from := c.blobOf(f.value, r.Kind, f.value.text)
		if from == nil {
			continue
		}
		c.later = append(c.later, func() { c.checkInherited(f.value, b, from) })
		b.Inherit = append(b.Inherit, With{r, from})
	}
}

// checkInherited checks that a blob inherits in one step, and that a ref means the same in both.
func (c *compiler) checkInherited(n *node, b, from *Blob) {
	own := b.ownRefs()
	for name, r := range from.ownRefs() {
		if held := own[name]; held != nil && held.Kind != r.Kind {
			c.add(n, "rename one of them", "the ref %s of %s refers to a %s, and that of %s to a %s", name, b.Kind.Name, held.Kind.Name, from.Kind.Name, r.Kind.Name)
		}
	}
	if len(from.Inherit) > 0 {
		c.add(n, "name both refs in the record, and let the blob inherit from both", "blob %s inherits from blob %s of %s, which inherits itself", b.Name, from.Name, from.Kind.Name)
	}
}

// ownRefs are the refs of a blob's records, by name.
func (b *Blob) ownRefs() map[string]*Ref {
	held := map[string]*Ref{}
	for _, d := range b.Of {
		for _, r := range d.Refs {
			held[r.Name] = r
		}
	}
	return held
}

// refs are the refs of a blob as a page reads it: its own, and those that it inherits.
func (b *Blob) refs() map[string]*Ref {
	held := b.ownRefs()
	for _, w := range b.Inherit {
		for name, r := range w.Blob.ownRefs() {
			if held[name] == nil {
				held[name] = r
			}
		}
	}
	return held
}

// shown lists the members of a blob as a page reads it, where they are known.
func (b *Blob) shown() (names []string, known bool) {
	names, known = b.members()
	for _, w := range b.Inherit {
		more, all := w.Blob.members()
		known = known && all
		for _, name := range more {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, known
}

// Inherits reports whether any blob of the catalog inherits.
func (c *Catalog) Inherits() bool {
	for _, k := range c.Kinds {
		for _, b := range k.Blobs {
			if len(b.Inherit) > 0 {
				return true
			}
		}
	}
	return false
}

// Inherits is what a page's own blobs inherit.
func (p *Page) Inherits() (all []With) {
	for _, b := range append([]*Blob{p.Blob}, p.Overlay...) {
		if b != nil {
			all = append(all, b.Inherit...)
		}
	}
	return all
}
