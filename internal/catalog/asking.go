package catalog

import (
	"encoding/json"
	"slices"
	"strings"
)

// list reads how all ids of a kind are walked.
func (c *compiler) list(n *node, k *Kind) {
	l := &List{}
	k.List = l
	ok := c.fieldsOf(n, "list", map[string]func(*node){
		"from": func(n *node) { c.upstream(n, &l.From) }, "get": c.target("get", &l.Get, "", "cursor"),
		"post": func(n *node) { l.Post = c.post(n, "", "{cursor}") }, "first": func(n *node) { l.First = c.firstCursor(n) },
		"ids": c.query("ids", &l.IDs), "next": c.query("next", &l.Next, "$cursor"), "fails": c.query("fails", &l.Fails),
	})
	if !ok {
		return
	}
	for _, key := range []string{"from", "ids"} {
		if n.get(key) == nil {
			c.add(n, "", "list lacks %q", key)
		}
	}
	if (n.get("get") == nil) == (n.get("post") == nil) {
		c.add(n, "write get: /products?cursor={cursor}, or post: { path, json }", "list needs either get or post")
	}
	takes := strings.Contains(l.Get, "{cursor}") || l.Post != nil && strings.Contains(string(l.Post.JSON), `"{cursor}"`)
	for _, key := range []string{"next", "first"} {
		if at := n.get(key); at != nil && !takes {
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

// post reads { path, json }. json must hold exactly one of the placeholders, or none if "" is among them.
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
	})
	for _, key := range []string{"path", "json"} {
		if ok && n.get(key) == nil {
			c.add(n, "", "post lacks %q", key)
		}
	}
	return p
}

// checkHeld checks which placeholders the JSON of a post holds: exactly one of those allowed, or none where "" is allowed.
func (c *compiler) checkHeld(n *node, held map[string]bool, allowed []string) {
	count := 0
	for _, name := range []string{"{id}", "{ids}", "{cursor}"} {
		switch {
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
