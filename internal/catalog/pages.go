package catalog

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (c *compiler) pages(n *node) {
	c.named(n, "pages", func(key, n *node) {
		p := &Page{Name: key.text}
		blobName, kind, rules := "", "", (*node)(nil)
		if at := n.get("kind"); at != nil {
			kind = at.text
		}
		var overlay, live, former []*node
		var with, lists *node
		var slug Path
		ok := c.fieldsOf(n, "page "+p.Name, map[string]func(*node){
			"path": func(n *node) { c.route(n, p, kind) }, "kind": c.str("kind", &kind), "slug": c.path("slug", &slug), "former": c.strings("former", func(n *node) { former = append(former, n) }),
			"blob": c.str("blob", &blobName), "lists": func(n *node) { lists = n },
			"overlay": c.strings("overlay", func(n *node) { overlay = append(overlay, n) }),
			"with":    func(n *node) { with = n }, "live": c.strings("live", func(n *node) { live = append(live, n) }),
			"template": c.template(&p.Template), "cache": func(n *node) { c.cache(n, p) }, "rules": func(n *node) { rules = n },
		})
		for _, name := range []string{"path", "blob", "template"} {
			if ok && n.get(name) == nil {
				c.add(key, "", "page %s lacks %q", p.Name, name)
				ok = false
			}
		}
		if !ok || p.Kind == nil {
			return
		}
		c.slug(n, p, slug)
		c.former(former, p)
		p.Blob = c.blobOf(n.get("blob"), p.Kind, blobName)
		for _, o := range overlay {
			if b := c.blobOf(o, p.Kind, o.text); b != nil {
				p.Overlay = append(p.Overlay, b)
			}
		}
		if with != nil {
			c.with(with, p)
		}
		for _, l := range live {
			c.pageLive(l, p)
		}
		if lists != nil {
			c.listing(lists, p)
		}
		if rules != nil {
			c.rules(rules, p)
		}
		c.checkMembers(n, p)
		c.clash(key, p)
		c.cat.Pages = append(c.cat.Pages, p)
	})
	for _, f := range c.atEnd {
		f()
	}
}

func (c *compiler) template(p *string) func(*node) {
	return func(n *node) {
		if !c.want(n, text, "template") {
			return
		}
		if !strings.HasSuffix(n.text, ".html") || strings.ContainsAny(n.text, "/\\ ") {
			c.add(n, "write it as item.html", "template must be the name of an .html file, not %q", n.text)
			return
		}
		*p = n.text
	}
}

func (c *compiler) blobOf(n *node, k *Kind, name string) *Blob {
	b, err := k.Blob(name)
	if err != nil {
		c.add(n, oneOf("blob", name, k.blobNames()), "kind %s has no blob %q", k.Name, name)
		return nil
	}
	return b
}

// with reads the pairs of a ref's name and the joined blob.
func (c *compiler) with(n *node, p *Page) {
	if p.Blob == nil || !c.want(n, object, "with") {
		return
	}
	held := map[string]*Ref{}
	for _, b := range append([]*Blob{p.Blob}, p.Overlay...) {
		for name, r := range b.refs() {
			if held[name] == nil {
				held[name] = r
			}
		}
	}
	for _, f := range n.fields {
		r := held[f.key.text]
		if r == nil {
			c.add(f.key, oneOf("ref", f.key.text, keysOf(held)), "no dimension of this page's blobs has a ref %q", f.key.text)
			continue
		}
		if !c.want(f.value, text, "with."+r.Name) {
			continue
		}
		if b := c.blobOf(f.value, r.Kind, f.value.text); b != nil {
			p.With = append(p.With, With{r, b})
			c.checkWay(f.value, r, b)
		}
	}
}

// checkWay checks that a blob carries the ref by which a page goes up from it.
func (c *compiler) checkWay(n *node, r *Ref, b *Blob) {
	if r.Up == "" {
		return
	}
	carries := slices.ContainsFunc(b.Of, func(d *Dimension) bool {
		return slices.ContainsFunc(d.Refs, func(up *Ref) bool { return up.Name == r.Up })
	})
	if !carries {
		c.add(n, "fold it from the dimension that has the ref", "blob %s of %s does not carry the ref %s to go up by", b.Name, r.Kind.Name, r.Up)
	}
}

func (c *compiler) pageLive(n *node, p *Page) {
	l := c.cat.Live[n.text]
	if l == nil {
		c.add(n, oneOf("live part", n.text, keysOf(c.cat.Live)), "there is no live part %q", n.text)
		return
	}
	if l.Blob != "" {
		c.blobOf(n, p.Kind, l.Blob)
	}
	p.Live = append(p.Live, l)
}

func (c *compiler) cache(n *node, p *Page) {
	c.fieldsOf(n, "cache", map[string]func(*node){
		"max_age": c.duration("max_age", &p.Cache.MaxAge, 0, longest), "shared": c.duration("shared", &p.Cache.Shared, 0, longest),
		"swr": c.duration("swr", &p.Cache.SWR, 0, longest), "sie": c.duration("sie", &p.Cache.SIE, 0, longest),
	})
	for _, d := range []time.Duration{p.Cache.MaxAge, p.Cache.Shared, p.Cache.SWR, p.Cache.SIE} {
		if d%time.Second != 0 {
			c.add(n, "", "HTTP counts in whole seconds: %s won't do", d)
		}
	}
}

func (c *compiler) rules(n *node, p *Page) {
	if !c.want(n, list, "rules") {
		return
	}
	for _, it := range n.items {
		r := &Rule{}
		ok := c.fieldsOf(it, "a rule", map[string]func(*node){
			"when": func(n *node) { r.When = c.condition(n) }, "template": c.template(&r.Template),
			"redirect": func(n *node) { c.redirect(n, p, r) }, "status": c.integer("status", &r.Status, 200, 599),
		})
		switch {
		case !ok:
			continue
		case it.get("when") == nil:
			c.add(it, "", "a rule lacks when")
		case r.Redirect != "" && r.Template != "":
			c.add(it, "", "a rule with redirect can't have a template")
		case r.Redirect != "" && r.Status != 0 && r.Status != http.StatusFound && r.Status != http.StatusMovedPermanently:
			c.add(it, "leave it out for 302, or write status: 301", "status %d is no redirect", r.Status)
		case r.Redirect == "" && r.Template == "" && r.Status == 0:
			c.add(it, "give it one of template, redirect, status", "this rule does nothing")
		case r.Redirect == "" && r.Status >= 300 && r.Status < 400:
			c.add(it, "use redirect", "status %d is a redirect without a target", r.Status)
		}
		p.Rules = append(p.Rules, r)
	}
}

// redirect reads an absolute URL, or a path on this site.
func (c *compiler) redirect(n *node, p *Page, r *Rule) {
	if !c.want(n, text, "redirect") {
		return
	}
	for _, name := range placeholders(n.text) {
		if name != p.Kind.Name && (name != slugName || p.Slug == nil) {
			c.add(n, "", "redirect has an unknown placeholder {%s}", name)
			return
		}
	}
	u, err := url.Parse(strings.NewReplacer("{"+p.Kind.Name+"}", "1", "{"+slugName+"}", "a").Replace(n.text))
	absolute := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	local := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(n.text, "/")
	if !absolute && !local || strings.ContainsAny(n.text, " \r\n\t\\") {
		c.add(n, "write it as https://other.example/item/{"+p.Kind.Name+"}.html", "redirect leads nowhere: %q", n.text)
		return
	}
	r.Redirect = n.text
}
