package catalog

import (
	"cmp"
	"slices"
	"strings"

	"vitrine/internal/item"
)

// slugName is the placeholder in a page's path that stands for the slug.
const slugName = "slug"

// Slug is the readable part of a page's path, for people and search engines. The id alone finds the page.
//
// A slug has single hyphens only, between letters and digits. So two hyphens stand between slug and id where the id has a hyphen
// itself: hero-hoodie--MH01-XS, but tea-12.
type Slug struct {
	From  Path   // in the page's blob: the text that the slug is made of
	Sep   string // between slug and id: "-", "_" or "/"
	After bool   // the slug stands behind the id
	Alone bool   // there is no id

	// Index is folded from the ids that have claimed a slug, by the entity of SlugKind that stands for it. It is nil where the path has
	// the id, and of a slug that stands alone else. Of an entity that may not have its slug for itself, slug and id stand in the path,
	// with two hyphens between: tea--12.
	Index *Blob
}

// Path is the escaped path of an entity's page. slug is not escaped; "" for an unknown slug, or none. Where the slug stands alone, "" for id
// gives the path of the slug by itself.
func (p *Page) Path(id, slug string) string { return p.Prefix + p.step(id, slug) + p.Suffix }

// TwinPath is the escaped path of the JSON twin of an entity's page.
func (p *Page) TwinPath(id, slug string) string { return p.Prefix + p.step(id, slug) + p.twinSuffix() }

func (p *Page) twinSuffix() string { return strings.TrimSuffix(p.Suffix, ".html") + ".json" }

// step is what stands between the prefix and the suffix.
func (p *Page) step(id, slug string) string {
	id, slug = item.Escape(id), item.Escape(slug)
	if p.Alone() {
		return p.stepAlone(id, slug)
	}
	if p.Slug == nil || slug == "" && !strings.Contains(id, p.Slug.Sep) {
		return id
	}
	sep := p.Slug.Sep
	if sep == "-" && strings.Contains(id, sep) {
		sep = "--"
	}
	if p.Slug.After {
		return id + sep + slug
	}
	return slug + sep + id
}

// Alone reports whether the slug alone names a page's entity.
func (p *Page) Alone() bool { return p.Slug != nil && p.Slug.Alone }

// stepAlone is the slug, and the id behind it where it is given. The name of the kind, which has no hyphen either, stands for an empty slug.
func (p *Page) stepAlone(id, slug string) string {
	if id == "" {
		return slug
	}
	return cmp.Or(slug, p.Kind.Name) + idBehind + id
}

// idBehind stands between a slug that stands alone in other paths, and an id.
const idBehind = "--"

// Cut splits what follows the prefix in a path into id and slug, all of them escaped, and reports whether the path is that of a JSON
// twin. ok is false where the path is not one of the page's. The id is "" where the slug stands alone.
func (p *Page) Cut(rest string) (id, slug string, twin, ok bool) {
	step, ok := strings.CutSuffix(rest, p.Suffix)
	if !ok {
		step, ok = strings.CutSuffix(rest, p.twinSuffix())
		twin = ok
	}
	if p.Slug == nil || !ok {
		return step, "", twin, ok
	}
	if p.Alone() {
		before, behind, _ := strings.Cut(step, idBehind)
		if behind == "" {
			return "", step, twin, true
		}
		return behind, before, twin, true
	}
	id, slug = p.Slug.split(step)
	return id, slug, twin, true
}

func (s *Slug) split(step string) (id, slug string) {
	near, far := strings.Index, strings.LastIndex // the slug's end, where it has no separator in it, and where it may have some
	if s.After {
		near, far = far, near
	}
	sep, at := s.Sep, near(step, s.Sep)
	if s.Sep == "-" {
		sep, at = "--", near(step, "--")
		if at < 0 {
			sep, at = s.Sep, far(step, s.Sep)
		}
	}
	if at < 0 {
		return step, ""
	}
	before, after := step[:at], step[at+len(sep):]
	if s.After {
		return before, after
	}
	return after, before
}

// route reads the path of a page: /item/{sku}.html, /p/{slug}-{sku}.html, or /p/{slug}.html, which needs the name of the kind.
func (c *compiler) route(n *node, p *Page, named string) {
	const hint = "write it as /item/{sku}.html, or as /p/{slug}-{sku}.html"
	if !c.want(n, text, "path") {
		return
	}
	names := placeholders(n.text)
	kind, sep := "", ""
	before, rest, _ := strings.Cut(n.text, "{")
	_, after, _ := strings.Cut(rest, "}")
	switch i := slices.Index(names, slugName); {
	case len(names) == 1 && i == 0:
		kind = named
		p.Slug = &Slug{Alone: true}
	case len(names) == 1:
		kind = names[0]
	case len(names) == 2 && i >= 0 && names[1-i] != slugName:
		kind = names[1-i]
		sep, after, _ = strings.Cut(after, "{")
		_, after, _ = strings.Cut(after, "}")
		p.Slug = &Slug{Sep: sep, After: i == 1}
	default:
		c.add(n, hint, "path must hold one {kind}, and {slug} beside it or not; this holds %d placeholders", len(names))
		return
	}
	switch {
	case !strings.HasPrefix(before, "/") || !strings.HasSuffix(before, "/") || strings.Contains(before, "//"):
		c.add(n, hint, "in path, {%s} must begin a segment of its own", names[0])
	case p.Alone() && p.Moved != nil:
		c.add(n, "", "a former path must hold the id: who had which slug is not known of a page that has another path now")
	case p.Alone() && kind == "":
		c.add(n, "add: kind: sku", "path names no kind, and the page has no key kind that says whose slug this is")
	case named != "" && kind != named:
		c.add(n, "", "the page is one of kind %s, and path has {%s}", named, kind)
	case p.Slug != nil && !p.Alone() && sep != "-" && sep != "_" && sep != "/":
		c.add(n, hint, "in path, one of - _ / must stand between {%s} and {%s}, not %q", names[0], names[1], sep)
	case sep == "/" && before == "/":
		c.add(n, "put a word before it: /p"+n.text, "path begins with {%s}, so that a slug could be any other path", names[0])
	case !strings.HasSuffix(after, ".html") || strings.Contains(after, "/"):
		c.add(n, "its twin for machines ends in .json", "path must end in .html behind the {%s}", names[len(names)-1])
	case strings.ContainsAny(n.text, " ?#%\\\"<>*") || strings.Contains(n.text, "/."):
		c.add(n, "", "path must be plain, without any of space ? # %% \\ \" < > *")
	case c.cat.Kinds[kind] == nil:
		c.add(n, oneOf("kind", kind, keysOf(c.cat.Kinds)), "path names no kind: {%s}", kind)
	default:
		p.Kind = c.cat.Kinds[kind]
		p.Prefix = c.cat.Site.Prefix + item.EscapePath(before)
		p.Suffix = item.EscapePath(after)
	}
}

// slug checks that a page has both a {slug} in its path and a text to make it of, or neither.
func (c *compiler) slug(n *node, p *Page, from Path) {
	switch {
	case p.Slug == nil && from != nil:
		c.add(n.get("slug"), "write the path as "+p.Prefix+"{slug}-{"+p.Kind.Name+"}"+p.Suffix, "page %s has a slug, and no {slug} in its path", p.Name)
	case p.Slug != nil && from == nil:
		c.add(n.get("path"), "name a text of the page's blob: slug: product.title", "page %s has {slug} in its path, and lacks slug", p.Name)
	case p.Slug != nil:
		p.Slug.From = from
	}
	if p.Alone() {
		c.index(n, p)
	}
}

// former reads the paths that a page had formerly.
func (c *compiler) former(paths []*node, p *Page) {
	for _, n := range paths {
		old := &Page{Name: p.Name, Moved: p}
		c.route(n, old, "")
		if old.Kind != nil && old.Kind != p.Kind {
			c.add(n, "", "page %s is one of a %s, and this former path is that of a %s", p.Name, p.Kind.Name, old.Kind.Name)
			continue
		}
		if old.Kind == nil {
			continue
		}
		c.clash(n, old)
		if old.samePaths(p) {
			c.add(n, "leave it out", "page %s has this path now", p.Name)
		}
		p.Former = append(p.Former, old)
	}
}

// samePaths reports whether one path may be that of both pages.
func (p *Page) samePaths(q *Page) bool { return p.Prefix == q.Prefix && p.Suffix == q.Suffix }

// clash refuses two pages at one address, and a page at one of Vitrine's own addresses.
func (c *compiler) clash(key *node, p *Page) {
	for _, other := range c.cat.Pages {
		for _, q := range append([]*Page{other}, other.Former...) {
			switch {
			case p.samePaths(q):
				c.add(key, "", "the pages %s and %s have the same path", q.Name, p.Name)
			case p.hides(q) || q.hides(p):
				c.add(key, "put different words first", "a slug can make a path of the pages %s and %s the same", q.Name, p.Name)
			}
		}
	}
	for _, own := range ownPaths() {
		if strings.HasPrefix(strings.TrimPrefix(p.Prefix, c.cat.Site.Prefix), own) {
			c.add(key, "", "page %s stands under %s, which is Vitrine's own", p.Name, own)
		}
	}
}

// hides reports whether q stands where a slug of p, which is a segment of its own, may lead: below p's prefix, or at its level.
func (p *Page) hides(q *Page) bool {
	if p.Alone() {
		return p.Prefix == q.Prefix && strings.HasSuffix(q.Suffix, p.Suffix)
	}
	return p.Slug != nil && p.Slug.Sep == "/" && p.Prefix != q.Prefix && strings.HasPrefix(q.Prefix, p.Prefix)
}
