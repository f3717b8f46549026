package catalog

import (
	"encoding/json"
	"slices"
)

// list reads how all ids of a kind are walked.
func (c *compiler) list(n *node, k *Kind) {
	l := &List{}
	k.List = l
	known := c.asking(n, l, "cursor")
	known["pool"] = func(*node) {} // read when from is known
	known["ids"] = c.query("ids", &l.IDs)
	if !c.fieldsOf(n, "list", known) {
		return
	}
	l.Pool = c.poolOf(n.get("pool"), l.From)
	c.checkQueried(n, l.From)
	for _, key := range []string{"from", "ids"} {
		if n.get(key) == nil && !(key == "ids" && l.From.queried()) {
			c.add(n, "", "list lacks %q", key)
		}
	}
	c.checkCursor(n, "list", l)
}

// asking gives the readers of a list's request and of its paging. The request may have the placeholders.
func (c *compiler) asking(parent *node, l *List, placeholders ...string) map[string]func(*node) {
	whole := []string{""} // none is allowed as well
	for _, name := range placeholders {
		whole = append(whole, "{"+name+"}")
	}
	return map[string]func(*node){
		"from": func(n *node) { c.upstream(n, &l.From) }, "get": c.asks(parent, "get", &l.Get, "", placeholders...),
		"post": func(n *node) { l.Post = c.post(n, whole...) }, "first": func(n *node) { l.First = c.firstCursor(n) },
		"next": c.query("next", &l.Next, "$cursor"), "fails": c.query("fails", &l.Fails),
	}
}

// checkCursor checks that what asks for pages has one request, which takes the cursors that it is given.
func (c *compiler) checkCursor(n *node, what string, l *List) {
	if (n.get("get") == nil) == (n.get("post") == nil) {
		c.add(n, "write get: /products?cursor={cursor}, or post: { path, json }", "%s needs either get or post", what)
	}
	for _, key := range []string{"next", "first"} {
		if at := n.get(key); at != nil && !l.holds("{cursor}") {
			c.add(at, `put {cursor} into get, or "{cursor}" into json, or leave `+key+" out", "%s gives a cursor that nothing takes", key)
		}
	}
}

// firstCursor reads a text, a number or null.
func (c *compiler) firstCursor(n *node) json.RawMessage {
	if n.form > number {
		c.add(n, "write a text, a number or null: first: 1", "first can't be %s", n.form)
		return nil
	}
	first, _ := json.Marshal(plain(n, map[string]bool{})) // a scalar always marshals
	return first
}

// post reads { path, json, prefix }. json must hold exactly one of the placeholders, or none if "" is among them.
func (c *compiler) post(n *node, placeholders ...string) *Post {
	p := &Post{}
	ok := c.fieldsOf(n, "post", map[string]func(*node){
		"path": c.target("path", &p.Path, ""),
		"json": func(n *node) {
			held := map[string]bool{}
			value := plain(n, held)
			p.Batch = held["{ids}"]
			p.JSON, _ = json.Marshal(value) // the value consists of types that always marshal
			c.checkHeld(n, held, placeholders)
		},
		"prefix": c.str("prefix", &p.Prefix),
	})
	if at := n.get("prefix"); ok && at != nil && !slices.Contains(placeholders, "{id}") {
		c.add(at, "", "prefix is for the ids of a dimension")
	}
	for _, key := range []string{"path", "json"} {
		if ok && n.get(key) == nil {
			c.add(n, "", "post lacks %q", key)
		}
	}
	return p
}

// checkHeld checks which placeholders the JSON of a post holds: exactly one of those allowed, or none where "" is allowed. "{since}" may
// stand beside another one.
func (c *compiler) checkHeld(n *node, held map[string]bool, allowed []string) {
	count := 0
	for _, name := range []string{"{id}", "{ids}", "{cursor}", "{since}"} {
		switch {
		case name == "{since}" && held[name] && slices.Contains(allowed, name):
		case held[name] && slices.Contains(allowed, name):
			count++
		case held[name]:
			c.add(n, "", "json can't hold %q here", name)
		}
	}
	if count != 1 && !(count == 0 && slices.Contains(allowed, "")) {
		c.add(n, `write "{id}" for one entity, or "{ids}" for a batch, as a whole value: variables: { id: "{id}" }`, "json must hold exactly one of \"{id}\" and \"{ids}\"")
	}
}

// plain converts a node to JSON's types, and collects the placeholders in it.
func plain(n *node, held map[string]bool) any {
	switch n.form {
	case text:
		held[n.text] = true
		return n.text
	case number:
		if json.Valid([]byte(n.text)) {
			return json.Number(n.text)
		}
		return n.text
	case boolean:
		return n.text == "true"
	case list:
		out := make([]any, len(n.items))
		for i, it := range n.items {
			out[i] = plain(it, held)
		}
		return out
	case object:
		out := map[string]any{}
		for _, f := range n.fields {
			out[f.key.text] = plain(f.value, held)
		}
		return out
	}
	return nil
}
