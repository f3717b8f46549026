package catalog

import (
	"slices"
	"strings"

	"vitrine/internal/item"
	"vitrine/internal/jq"
)

// Source is a system that says what may have changed in a form of its own, by HTTP or on NATS.
type Source struct {
	Name      string
	Form      string            // one of Forms
	Secret    string            // the variable of the environment that holds it; "" for a source on NATS alone
	Signature *Signature        // nil: Secret comes as a bearer token
	Subject   string            // on NATS, with wildcards; "" for HTTP alone
	Map       *jq.Program       // gives a list of changes; nil where Tables, or a CloudEvent's data, say them
	Tables    map[string]*Table // of form debezium
	Lane      item.Lane         // of changes that do not name one
}

// Signature is an HMAC-SHA256 of a request's body that stands in a header.
type Signature struct {
	Header string
	Prefix string // before the encoded sum: "sha256="
	Base64 bool   // else in hex, of either case
}

// Table says what a changed row of a database means.
type Table struct {
	Kind, Dimension string
	Key             Path // in a row, its entity's id
}

// Forms of what a Source sends.
const (
	FormJSON          = "json"
	FormShopify       = "shopify"
	FormWooCommerce   = "woocommerce"
	FormCommercetools = "commercetools"
	FormCloudEvents   = "cloudevents"
	FormDebezium      = "debezium"
)

func forms() []string {
	return []string{FormJSON, FormShopify, FormWooCommerce, FormCommercetools, FormCloudEvents, FormDebezium}
}

// maxSources is how many sources a catalog may have.
const maxSources = 100

// ownHeads are the first tokens of Vitrine's own subjects.
func ownHeads() []string {
	return []string{"change", "sync", "parked", "blob", "failed", "history", "held", "due", "applied", "ask", "pushed", "control"}
}

func (c *compiler) notify(n *node) {
	c.cat.Sources = map[string]*Source{}
	c.named(n, "notify", func(key, n *node) {
		s := &Source{Name: key.text, Form: FormJSON, Lane: item.Normal}
		c.cat.Sources[s.Name] = s
		if len(c.cat.Sources) == maxSources+1 {
			c.add(key, "", "notify has more than %d sources", maxSources)
		}
		ok := c.fieldsOf(n, "source "+s.Name, map[string]func(*node){
			"form": c.word("form", &s.Form, forms()), "secret": func(n *node) { c.sourceSecret(n, s) }, "signature": func(n *node) { c.signature(n, s) },
			"subject": func(n *node) { c.sourceSubject(n, s) }, "map": c.query("map", &s.Map), "tables": func(n *node) { c.tables(n, s) },
			"lane": func(n *node) { c.lane(n, &s.Lane) },
		})
		if ok {
			c.checkSource(key, n, s)
		}
	})
}

// checkSource checks that a source says who may send, and what is meant by it, once.
func (c *compiler) checkSource(key, n *node, s *Source) {
	if s.Secret == "" && s.Subject == "" {
		c.add(key, "for HTTP give it secret: env:NAME, for NATS subject: shop.>", "source %s says neither secret nor subject", s.Name)
	}
	if n.get("signature") != nil && s.Secret == "" {
		c.add(n.get("signature"), "", "a signature needs a secret")
	}
	switch s.Form {
	case FormShopify:
		s.Signature = &Signature{Header: "X-Shopify-Hmac-Sha256", Base64: true}
	case FormWooCommerce:
		s.Signature = &Signature{Header: "X-Wc-Webhook-Signature", Base64: true}
	case FormDebezium:
		if s.Map == nil && s.Tables == nil {
			c.add(key, "tables: { products: { kind: sku, dimension: product, key: id } }", "source %s lacks tables", s.Name)
		}
		return
	case FormCloudEvents:
		return
	}
	if s.Form != FormJSON && n.get("signature") != nil {
		c.add(n.get("signature"), "leave it out", "form %s has a signature of its own", s.Form)
	}
	if s.Map == nil {
		c.add(key, `write map: '[{kind: "sku", id: .body.id}]'`, "source %s lacks map", s.Name)
	}
	if s.Tables != nil {
		c.add(n.get("tables"), "", "tables is for form debezium")
	}
}

// word reads one of a list of words.
func (c *compiler) word(what string, p *string, there []string) func(*node) {
	return func(n *node) {
		if !c.want(n, text, what) {
			return
		}
		*p = n.text
		if !slices.Contains(there, n.text) {
			c.add(n, oneOf(what, n.text, there), "%s can't be %q", what, n.text)
		}
	}
}

func (c *compiler) lane(n *node, p *item.Lane) {
	lane, err := item.ParseLane(n.text)
	if err != nil {
		c.add(n, "", "%v", err)
	}
	*p = lane
}

func (c *compiler) sourceSecret(n *node, s *Source) {
	if !c.want(n, text, "secret") {
		return
	}
	name, _, valid := envName(n.text)
	if !valid {
		c.add(n, "write it as env:SHOPIFY_SECRET", "secret names no variable of the environment")
	}
	s.Secret = name
}

func (c *compiler) signature(n *node, s *Source) {
	encoding := "hex"
	s.Signature = &Signature{}
	c.fieldsOf(n, "signature", map[string]func(*node){
		"header": c.str("header", &s.Signature.Header), "prefix": c.str("prefix", &s.Signature.Prefix), "encoding": c.word("encoding", &encoding, []string{"hex", "base64"}),
	})
	s.Signature.Base64 = encoding == "base64"
	if s.Signature.Header == "" || strings.Trim(s.Signature.Header, headerBytes) != "" {
		c.add(n, "write header: X-Signature", "a signature stands in a header, which %q can't be", s.Signature.Header)
	}
}

func (c *compiler) sourceSubject(n *node, s *Source) {
	if !c.want(n, text, "subject") {
		return
	}
	s.Subject = n.text
	tokens := strings.Split(n.text, ".")
	for i, token := range tokens {
		wild := i > 0 && (token == "*" || token == ">" && i == len(tokens)-1)
		if !wild && (token == "" || strings.Trim(token, headerBytes) != "") || len(n.text) > 200 {
			c.add(n, "write it as shop.public.* or shop.>", "subject can't be %.40q", n.text)
			return
		}
	}
	if slices.Contains(ownHeads(), tokens[0]) {
		c.add(n, "leave it out: what is published there arrives anyway", "subject %q is one of Vitrine's own", n.text)
	}
}

func (c *compiler) tables(n *node, s *Source) {
	s.Tables = map[string]*Table{}
	if !c.want(n, object, "tables") {
		return
	}
	for _, f := range n.fields {
		t := &Table{Dimension: item.All}
		s.Tables[f.key.text] = t
		ok := c.fieldsOf(f.value, "table "+f.key.text, map[string]func(*node){
			"kind": c.str("kind", &t.Kind), "dimension": c.str("dimension", &t.Dimension), "key": c.path("key", &t.Key),
		})
		if !ok {
			continue
		}
		if t.Key == nil {
			c.add(f.value, "write key: id, the column that holds the entity's id", "table %s lacks key", f.key.text)
		}
		if err := c.cat.Announces(t.Kind, t.Dimension); err != nil {
			c.add(f.value, "", "table %s: %v", f.key.text, err)
		}
	}
}
