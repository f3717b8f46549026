package catalog

// SlugKind is the kind of the entities that stand for slugs, where a page's path has a slug and no id. Such an entity has a record for each
// of these pages, of the page's name, and a blob of the same name: the ids that have claimed the slug. The records are written by syncers,
// and come from no upstream.
const SlugKind = "slug"

// Internal reports whether the records of a kind are Vitrine's own.
func (k *Kind) Internal() bool { return k.internal }

// Internal reports whether the records of a dimension are Vitrine's own, so that there is no upstream to ask for them.
func (d *Dimension) Internal() bool { return d.Kind.Internal() }

// index declares the records and the blob of the slugs of a page.
func (c *compiler) index(n *node, p *Page) {
	k := c.cat.Kinds[SlugKind]
	if k != nil && !k.internal {
		c.add(n.get("path"), "rename the kind", "the slugs of page %s are entities of a kind %s, and the catalog has another kind of this name", p.Name, SlugKind)
		return
	}
	if k == nil {
		k = &Kind{Name: SlugKind, internal: true}
		c.cat.Kinds[SlugKind] = k
	}
	d := &Dimension{Kind: k, Name: p.Name, From: &Upstream{Timeout: defaultTimeout}, BatchMax: defaultBatchMax, MaxBytes: defaultMaxBytes, Keep: true}
	b := &Blob{Kind: k, Name: p.Name, Of: []*Dimension{d}}
	d.Blobs = []*Blob{b}
	k.Dimensions, k.Blobs = append(k.Dimensions, d), append(k.Blobs, b)
	p.Slug.Index = b
}

// HasIndex reports whether the slugs of any page stand alone in their paths.
func (c *Catalog) HasIndex() bool {
	k := c.Kinds[SlugKind]
	return k != nil && k.Internal()
}

// Alone lists the pages of a kind whose slugs stand alone in their paths.
func (c *Catalog) Alone(kind string) (pages []*Page) {
	for _, p := range c.Pages {
		if p.Alone() && p.Kind.Name == kind {
			pages = append(pages, p)
		}
	}
	return pages
}
