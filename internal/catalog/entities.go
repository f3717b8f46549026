package catalog

import (
	"slices"
	"strings"
	"time"

	"vitrine/internal/item"
)

func (c *compiler) entities(n *node) {
	c.named(n, "entities", func(key, n *node) {
		k := &Kind{Name: key.text}
		c.cat.Kinds[k.Name] = k
		ok := c.fieldsOf(n, "kind "+k.Name, map[string]func(*node){
			"list": func(n *node) { c.list(n, k) }, "dimensions": func(n *node) { c.dimensions(n, k) },
			"blobs": func(n *node) { c.later = append(c.later, func() { c.blobs(n, k) }) },
		})
		if ok && len(k.Dimensions) == 0 {
			c.add(key, "", "kind %s has no dimensions", k.Name)
		}
	})
}

func (c *compiler) upstream(n *node, p **Upstream) {
	if !c.want(n, text, "from") {
		return
	}
	*p = c.cat.Upstreams[n.text]
	if *p == nil {
		c.add(n, oneOf("upstream", n.text, keysOf(c.cat.Upstreams)), "from names no upstream: %q", n.text)
	}
}

// target reads a path below an upstream's base URL. It must contain the placeholder need, may contain those of also,
// and no other.
func (c *compiler) target(what string, p *string, need string, also ...string) func(*node) {
	return func(n *node) {
		if !c.want(n, text, what) {
			return
		}
		*p = n.text
		if !strings.HasPrefix(n.text, "/") || strings.HasPrefix(n.text, "//") || strings.ContainsAny(n.text, " #\\\r\n\t") {
			c.add(n, "write it as /products/{id}", "%s must be a path that begins with one slash, not %q", what, n.text)
			return
		}
		names := placeholders(n.text)
		known := "there is: {" + strings.Trim(strings.Join(append([]string{need}, also...), "}, {"), "}, {") + "}"
		for _, name := range names {
			if name != need && !slices.Contains(also, name) {
				c.add(n, known, "%s has an unknown placeholder {%s}", what, name)
			}
		}
		if need != "" && !slices.Contains(names, need) {
			c.add(n, "the id, or the cursor, has to be somewhere in it", "%s lacks the placeholder {%s}", what, need)
		}
	}
}

func (c *compiler) dimensions(n *node, k *Kind) {
	c.named(n, "dimensions", func(key, n *node) {
		d := &Dimension{Kind: k, Name: key.text, BatchMax: defaultBatchMax, IDField: Path{"id"}, MaxBytes: defaultMaxBytes, Keep: true}
		if d.Name == item.All {
			c.add(key, "", "%q is no name for a dimension: it stands for all of them", d.Name)
		}
		k.Dimensions = append(k.Dimensions, d)
		ok := c.fieldsOf(n, "dimension "+d.Name, map[string]func(*node){
			"from": func(n *node) { c.upstream(n, &d.From) }, "pool": func(*node) {}, "get": c.asks(n, "get", &d.Get, "id"), "batch": func(batch *node) { c.batch(n, batch, d) },
			"rows": func(n *node) { c.rows(n, d) },
			"post": func(n *node) { d.Post = c.post(n, "{id}", "{ids}") }, "items": c.query("items", &d.Items), "fails": c.query("fails", &d.Fails),
			"batch_max": c.integer("batch_max", &d.BatchMax, 1, 10_000),
			"id_field":  c.path("id_field", &d.IDField), "pick": c.query("pick", &d.Pick), "version": c.path("version", &d.Version),
			"gone": c.query("gone", &d.Gone), "refs": func(n *node) { c.later = append(c.later, func() { c.refs(n, d) }) },
			"html": c.strings("html", c.eachPath("html", &d.HTML)), "require": c.strings("require", c.eachPath("require", &d.Require)),
			"max_bytes": c.size("max_bytes", &d.MaxBytes, 64<<20), "absent": func(n *node) { c.absent(n, d) },
		})
		if ok {
			d.Pool = c.poolOf(n.get("pool"), d.From)
			c.checkAsking(key, n, d)
			c.later = append(c.later, func() { c.checkFields(n, d) })
		}
	})
}

// checkAsking checks that a dimension says how its upstream is asked, once and without contradiction.
func (c *compiler) checkAsking(key, n *node, d *Dimension) {
	if n.get("from") == nil {
		c.add(key, "", "dimension %s lacks from", d.Name)
	}
	if d.Get == "" && d.Batch == "" && d.Post == nil {
		c.add(key, "give it one of get, batch, post", "dimension %s does not say how to ask", d.Name)
	}
	if d.Post != nil && (d.Batch != "" && d.Post.Batch || d.Get != "" && !d.Post.Batch) {
		c.add(n.get("post"), "leave one of the two out", "dimension %s asks for the same in two ways", d.Name)
	}
	c.checkQueried(n, d.From)
	if at := n.get("rows"); at != nil && d.From != nil && !d.From.queried() {
		c.add(at, "", "rows is for a dimension that is queried from a database")
	}
	batches := d.Batch != "" || d.Post != nil && d.Post.Batch
	for _, name := range []string{"batch_max", "id_field", "items"} {
		if at := n.get(name); at != nil && !batches && !(name == "id_field" && d.From.queried()) {
			c.add(at, "", "%s is for a dimension with batch", name)
		}
	}
	if at := n.get("absent"); at != nil && (d.Get != "" || d.Post != nil && !d.Post.Batch) {
		c.add(at, "leave it out: where get can ask for one entity, its answer decides", "absent is for a dimension without get")
	}
	if !batches {
		d.BatchMax = 1
	}
}

// batch reads how several entities are asked for: by {ids}, or by a parameter with {ids*}.
func (c *compiler) batch(parent, n *node, d *Dimension) {
	need := "ids"
	if strings.Contains(n.text, "{ids*}") {
		need = "ids*"
	}
	c.asks(parent, "batch", &d.Batch, need)(n)
	if _, _, _, ok := SplitRepeated(d.Batch); need == "ids*" && !ok && !d.From.queried() {
		c.add(n, "write it as /products?id[]={ids*}", "{ids*} must be the value of one parameter, which is repeated for each id")
	}
}

// SplitRepeated splits a batch's path at the parameter that is repeated for each id:
// "/products?a=1&id[]={ids*}&b=2" into "/products?a=1&", "id[]=" and "&b=2".
func SplitRepeated(batch string) (before, parameter, after string, ok bool) {
	head, after, ok := strings.Cut(batch, "{ids*}")
	at := strings.LastIndexAny(head, "?&") + 1
	before, parameter = head[:at], head[at:]
	ok = ok && strings.Contains(before, "?") && len(parameter) > 1 && strings.Index(parameter, "=") == len(parameter)-1 &&
		(after == "" || after[0] == '&') && !strings.Contains(after, "{")
	return before, parameter, after, ok
}

func (c *compiler) eachPath(what string, p *[]Path) func(*node) {
	return func(n *node) {
		var one Path
		c.path(what, &one)(n)
		if one != nil {
			*p = append(*p, one)
		}
	}
}

func (c *compiler) absent(n *node, d *Dimension) {
	switch n.text {
	case "keep":
	case "gone":
		d.Keep = false
	default:
		c.add(n, "", "absent must be gone or keep, not %q", n.text)
	}
}

func (c *compiler) refs(n *node, d *Dimension) {
	c.named(n, "refs", func(key, n *node) {
		r := &Ref{Name: key.text, Max: defaultRefMax}
		if _, err := d.Kind.Ref(r.Name); err == nil {
			c.add(key, "rename one of the two", "kind %s has two refs called %s", d.Kind.Name, r.Name)
			return
		}
		kind, kindAt := r.Name, key
		if n.form == text {
			c.path("refs."+r.Name, &r.Field)(n)
		} else {
			c.fieldsOf(n, "ref "+r.Name, map[string]func(*node){
				"kind": func(n *node) { c.str("kind", &kind)(n); kindAt = n }, "field": c.path("field", &r.Field),
				"max": c.integer("max", &r.Max, 1, 10_000), "up": c.str("up", &r.Up), "public": c.flag("public", &r.Public),
			})
			if n.form == object && n.get("field") == nil {
				c.add(key, "", "ref %s lacks field", r.Name)
			}
			if r.Up != "" && n.get("max") == nil {
				r.Max = defaultUpMax
			}
		}
		r.Kind = c.cat.Kinds[kind]
		if r.Kind == nil {
			c.add(kindAt, oneOf("kind", kind, keysOf(c.cat.Kinds)), "ref %s refers to no kind: %q", r.Name, kind)
			return
		}
		d.Refs = append(d.Refs, r)
		if r.Up != "" {
			c.later = append(c.later, func() { c.checkUp(n.get("up"), r) })
		}
	})
}

// checkUp checks that the ref that leads upwards belongs to the referred kind and refers to that kind.
func (c *compiler) checkUp(n *node, r *Ref) {
	up, err := r.Kind.Ref(r.Up)
	switch {
	case err != nil:
		c.add(n, oneOf("ref", r.Up, r.Kind.refNames()), "kind %s has no ref %q to go up by", r.Kind.Name, r.Up)
	case up.Kind != r.Kind:
		c.add(n, "", "the ref %s of kind %s leads to %s, not up", r.Up, r.Kind.Name, up.Kind.Name)
	}
}

func (c *compiler) blobs(n *node, k *Kind) {
	c.named(n, "blobs", func(key, n *node) {
		b := &Blob{Kind: k, Name: key.text}
		k.Blobs = append(k.Blobs, b)
		ok := c.fieldsOf(n, "blob "+b.Name, map[string]func(*node){
			"of": c.strings("of", func(n *node) { c.member(n, b) }), "fold": c.query("fold", &b.Fold),
			"inherit": func(n *node) { c.later = append(c.later, func() { c.inherit(n, b) }) },
		})
		if ok && n.get("of") == nil {
			c.add(key, "name its dimensions, the root first", "blob %s lacks of", b.Name)
		}
	})
}

func (c *compiler) member(n *node, b *Blob) {
	d, err := b.Kind.Dimension(n.text)
	switch {
	case err != nil:
		c.add(n, oneOf("dimension", n.text, b.Kind.dimensionNames()), "kind %s has no dimension %q", b.Kind.Name, n.text)
	case slices.Contains(b.Of, d):
		c.add(n, "", "blob %s is of %s twice", b.Name, d.Name)
	default:
		b.Of = append(b.Of, d)
		d.Blobs = append(d.Blobs, b)
	}
}

func (c *compiler) live(n *node) {
	c.named(n, "live", func(key, n *node) {
		l := &Live{Name: key.text, Deadline: defaultDeadline, Fresh: defaultFresh, Keep: defaultKeep, Fallback: Fallback{Mode: "hide"}}
		c.cat.Live[l.Name] = l
		ok := c.fieldsOf(n, "live part "+l.Name, map[string]func(*node){
			"blob": c.str("blob", &l.Blob), "from": func(n *node) { c.upstream(n, &l.From) }, "pool": func(*node) {},
			"get": func(n *node) { c.want(n, text, "get"); l.Get = n.text }, "vary": func(n *node) { c.vary(n, l) },
			"deadline": c.duration("deadline", &l.Deadline, time.Millisecond, time.Minute),
			"fresh":    c.duration("fresh", &l.Fresh, 0, longest), "keep": c.duration("keep", &l.Keep, 0, longest),
			"fallback": func(n *node) { c.fallback(n, l) }, "fails": c.query("fails", &l.Fails),
		})
		if !ok {
			return
		}
		l.Pool = c.poolOf(n.get("pool"), l.From)
		switch asks := n.get("from") != nil && n.get("get") != nil; {
		case (l.Blob != "") == asks:
			c.add(key, "", "live part %s needs either blob, or from and get", l.Name)
		case l.Blob != "" && l.Fails != nil:
			c.add(n.get("fails"), "write it in the dimensions that the blob is of", "fails is for the answer of an upstream, and live part %s is a blob", l.Name)
		case asks && l.From.queried():
			c.add(n.get("from"), "keep it in a blob: live: { stock: { blob: stock } }", "live part %s can't be queried from a database", l.Name)
		case asks:
			params := make([]string, 0, len(l.Vary))
			for name := range l.Vary {
				params = append(params, name)
			}
			c.target("get", &l.Get, "id", params...)(n.get("get"))
		}
	})
}
