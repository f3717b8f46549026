package catalog

import (
	"net/url"
	"strings"
	"time"

	"vitrine/internal/item"
)

// Options of Parse.
type Options struct {
	Serve map[string]string // NAME → base URL, for "serve:NAME"; nil leaves "serve:NAME" as it is
}

// Defaults and bounds.
const (
	defaultTimeout     = time.Second
	defaultConcurrency = 16
	defaultConnections = 4 // to a database
	defaultBatchMax    = 50
	defaultMaxBytes    = 1 << 20
	defaultRefMax      = 64
	defaultUpMax       = 8
	defaultDeadline    = 150 * time.Millisecond
	defaultFresh       = 2 * time.Second
	defaultKeep        = 10 * time.Minute
	longest            = 366 * 24 * time.Hour
)

// compiler turns the tree into a Catalog. References by name are resolved when all names are known.
type compiler struct {
	faults
	opt   Options
	cat   *Catalog
	later []func() // in the order of the file
	atEnd []func() // when all pages are known
}

// Parse compiles a catalog. name is the file's, for errors. A failure is of type Errors.
func Parse(src []byte, name string, opt Options) (*Catalog, error) {
	c := &compiler{
		faults: faults{file: name, lines: strings.Split(string(src), "\n")}, opt: opt,
		cat: &Catalog{Source: src, Upstreams: map[string]*Upstream{}, Kinds: map[string]*Kind{}, Live: map[string]*Live{}},
	}
	root := readTree(src, &c.faults)
	if root == nil || len(c.found) > 0 {
		return nil, c.err()
	}
	c.root(root)
	if len(c.found) == 0 {
		c.seal()
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	c.cat.Mistakes.sort()
	return c.cat, nil
}

// root reads the sections in the order in which they refer to each other.
func (c *compiler) root(n *node) {
	section := map[string]*node{}
	keep := func(name string) func(*node) { return func(n *node) { section[name] = n } }
	known := map[string]func(*node){"version": c.version}
	order := []string{"site", "images", "upstreams", "entities", "live", "pages", "notify", "poll"}
	for _, name := range order {
		known[name] = keep(name)
	}
	if !c.fieldsOf(n, "a catalog", known) {
		return
	}
	for _, name := range []string{"version", "upstreams", "entities", "pages"} {
		if n.get(name) == nil {
			c.add(n, "", "the catalog lacks %q", name)
		}
	}
	read := map[string]func(*node){"site": c.site, "images": c.images, "upstreams": c.upstreams, "entities": c.entities, "live": c.live, "pages": c.pages, "notify": c.notify, "poll": c.polls}
	for _, name := range order {
		if s := section[name]; s != nil {
			read[name](s)
		}
		if name == "entities" {
			c.resolve()
		}
	}
}

// resolve runs what had to wait until all kinds and dimensions were known.
func (c *compiler) resolve() {
	for len(c.later) > 0 {
		todo := c.later
		c.later = nil
		for _, f := range todo {
			f()
		}
	}
}

func (c *compiler) version(n *node) {
	if n.text != "1" {
		c.add(n, "write: version: 1", "version %q is not known", n.text)
	}
}

func (c *compiler) upstreams(n *node) {
	c.named(n, "upstreams", func(key, n *node) {
		u := &Upstream{Name: key.text, Timeout: defaultTimeout, Concurrency: defaultConcurrency, Burst: 1, Headers: map[string]string{}, Code: codeOf(key.text)}
		if other, clash := c.cat.UpstreamByCode(u.Code); clash {
			c.add(key, "rename one of the two", "the upstreams %s and %s have the same code in stored headers", other.Name, u.Name)
		}
		c.cat.Upstreams[u.Name] = u
		var token, pools *node // read when headers and concurrency are known
		ok := c.fieldsOf(n, "upstream "+u.Name, map[string]func(*node){
			"url": func(n *node) { c.baseURL(n, u) }, "timeout": c.duration("timeout", &u.Timeout, time.Millisecond, 5*time.Minute),
			"concurrency": c.integer("concurrency", &u.Concurrency, 1, 4096), "headers": func(n *node) { c.headers(n, u) },
			"token": func(n *node) { token = n }, "pools": func(n *node) { pools = n },
			"rate": func(n *node) { c.rate(n, u) }, "burst": c.integer("burst", &u.Burst, 1, maxRate),
			"user": c.str("user", &u.User), "password": func(n *node) { c.password(n, u) },
		})
		if pools != nil {
			c.poolsOf(pools, u)
		}
		if at := n.get("burst"); at != nil && n.get("rate") == nil {
			c.add(at, "", "burst is for an upstream with rate")
		}
		if token != nil {
			c.token(token, u)
		}
		if ok && n.get("url") == nil {
			c.add(key, "", "upstream %s lacks url", u.Name)
		}
		c.checkDatabase(n, u)
	})
}

func (c *compiler) baseURL(n *node, u *Upstream) {
	if !c.want(n, text, "url") {
		return
	}
	if name, ok := strings.CutPrefix(n.text, "serve:"); ok {
		u.Serve = name
		u.URL = n.text
		if err := item.CheckName(name); err != nil {
			c.add(n, "", "serve:%s: %v", name, err)
		} else if c.opt.Serve != nil {
			var there bool
			u.URL, there = c.opt.Serve[name]
			if !there {
				c.add(n, "name its file: --serve "+name+"=FILE[:ID_FIELD]", "nothing serves %q", name)
			}
		}
		return
	}
	if c.database(n, u) {
		return
	}
	v, err := url.Parse(n.text)
	if err != nil || v.Scheme != "http" && v.Scheme != "https" || v.Host == "" || v.User != nil || v.RawQuery != "" || v.Fragment != "" {
		c.add(n, "write it as http://host:port, or as serve:NAME for a file", "%q is no base URL", n.text)
		return
	}
	u.URL = strings.TrimRight(n.text, "/")
}

func (c *compiler) headers(n *node, u *Upstream) {
	if !c.want(n, object, "headers") {
		return
	}
	for _, f := range n.fields {
		if !c.want(f.value, text, "header "+f.key.text) {
			continue
		}
		value := f.value.text
		if _, ok, valid := envName(value); ok && !valid {
			c.add(f.value, "write it as env:PRODUCTS_TOKEN", "%q names no variable of the environment", value)
		}
		if strings.Trim(f.key.text, headerBytes) != "" || f.key.text == "" || strings.ContainsAny(value, "\r\n\x00") {
			c.add(f.key, "", "%q can't be a header", f.key.text)
		}
		u.Headers[f.key.text] = value
	}
}

// envName returns the name of the environment's variable that a text such as env:PRODUCTS_TOKEN refers to. ok reports whether it
// refers to one, and valid whether the name can be one.
func envName(s string) (name string, ok, valid bool) {
	name, ok = strings.CutPrefix(s, "env:")
	return name, ok, ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

const headerBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
