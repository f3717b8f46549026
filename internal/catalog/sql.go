package catalog

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"vitrine/internal/sqltext"
)

// An upstream may be a database. What stands in get and batch is then a query, and in place of headers it has a user and a password.

// queried reports whether an upstream is a database. Of an upstream that is not there it is false.
func (u *Upstream) queried() bool { return u != nil && u.SQL != "" }

// Pages reports whether the query of a list takes a cursor.
func (l *List) Pages() bool {
	q, err := sqltext.Parse(l.Get, l.From.SQL)
	return err == nil && q.Params() > 0 && !q.Since()
}

// Since reports whether the query of a list takes a mark.
func (l *List) Since() bool {
	q, err := sqltext.Parse(l.Get, l.From.SQL)
	return err == nil && q.Since()
}

// TLSModes lists what sslmode can say, as Postgres names it.
func TLSModes() []string { return []string{"disable", "prefer", "require", "verify-full"} }

// database reads the URL of a database, and reports whether it is one.
func (c *compiler) database(n *node, u *Upstream) bool {
	scheme, _, _ := strings.Cut(n.text, "://")
	switch scheme {
	case "postgres", "postgresql":
		u.SQL = sqltext.Postgres
	case "mysql", "mariadb":
		u.SQL = sqltext.MySQL
	default:
		return false
	}
	const form = "write it as postgres://user@host:5432/database, or mysql://user@host:3306/database"
	v, err := url.Parse(n.text)
	if err != nil || v.Hostname() == "" || strings.Trim(v.Path, "/") == "" || strings.Contains(strings.Trim(v.Path, "/"), "/") || v.Fragment != "" {
		c.add(n, form, "url is no database's")
		return true
	}
	if _, there := v.User.Password(); there {
		c.addHidden(n, "write the name of a variable beside url: password: env:DB_PASSWORD; and change the password if anybody has seen this file", "url can't have a password")
		return true
	}
	for name, values := range v.Query() {
		if name != "sslmode" || len(values) != 1 || !slices.Contains(TLSModes(), values[0]) {
			c.add(n, "write nothing, or ?sslmode= and one of: "+strings.Join(TLSModes(), ", "), "url has the parameter %s=%s", name, strings.Join(values, ","))
		}
	}
	u.User = v.User.Username()
	u.Concurrency = defaultConnections
	port := map[sqltext.Dialect]string{sqltext.Postgres: "5432", sqltext.MySQL: "3306"}[u.SQL]
	if v.Port() == "" {
		v.Host += ":" + port
	}
	v.User = nil
	v.Scheme = string(u.SQL)
	u.URL = v.String()
	return true
}

// addHidden records a mistake at a node whose text is not shown.
func (c *compiler) addHidden(n *node, hint, msg string) {
	own := faults{file: c.file}
	own.add(n, hint, "%s", msg)
	c.found = append(c.found, own.found...)
}

func (c *compiler) password(n *node, u *Upstream) {
	_, _, valid := envName(n.text)
	if !valid {
		c.addHidden(n, "write the name of a variable of the environment: password: env:DB_PASSWORD", "password names no variable of the environment")
		return
	}
	u.Password = n.text
}

// checkDatabase checks that an upstream has only what its kind of upstream can have.
func (c *compiler) checkDatabase(n *node, u *Upstream) {
	keys, kind, hint := []string{"user", "password"}, "an upstream that is asked by HTTP", "write a login into headers or token"
	if u.queried() {
		keys, kind, hint = []string{"headers", "token"}, "a database", "write user and password"
	}
	for _, key := range keys {
		if at := n.get(key); at != nil {
			c.add(at, hint, "%s is not for %s", key, kind)
		}
	}
	switch at := n.get("concurrency"); {
	case u.queried() && at != nil:
		c.integer("concurrency", &u.Concurrency, 1, 64)(at) // url may have been read after it
	case u.queried() && u.User == "":
		c.add(n.get("url"), "write it as "+string(u.SQL)+"://user@host/database", "upstream %s names no user", u.Name)
	}
}

// asks reads how entities are asked for: a path below the base URL, or a query if the upstream that parent names is a database.
func (c *compiler) asks(parent *node, what string, p *string, need string, also ...string) func(*node) {
	from := parent.get("from")
	if from == nil || !c.cat.Upstreams[from.text].queried() {
		return c.target(what, p, need, also...)
	}
	return func(n *node) { c.sql(n, what, p, need, c.cat.Upstreams[from.text], slices.Contains(also, "since")) }
}

// sql reads a query. need is the placeholder of the path that it stands for: "id", "ids", or "" for a list's. since
// says whether it may have $since.
func (c *compiler) sql(n *node, what string, p *string, need string, u *Upstream, since bool) {
	if !c.want(n, text, what) {
		return
	}
	if len(n.text) > maxQuery {
		c.add(n, "", "%s has %d bytes, more than %d", what, len(n.text), maxQuery)
		return
	}
	*p = n.text
	q, err := sqltext.Parse(n.text, u.SQL)
	example := exampleOf(need, u.SQL)
	switch {
	case err != nil:
		c.add(n, "write it as "+example, "%s: %v", what, err)
	case q.Since() && !since:
		c.add(n, "write it as "+example, "%s can't have $since, which is for a poll", what)
	case need != "" && q.Params() == 0:
		c.add(n, "write it as "+example, "%s lacks $1, which stands for %s", what, map[string]string{"id": "the id", "ids": "the ids"}[need])
	}
}

// exampleOf is a query of the kind that is asked for.
func exampleOf(need string, d sqltext.Dialect) string {
	where := map[string]string{"": "sku > $cursor ORDER BY sku LIMIT 1000", "id": "sku = $1", "ids": "sku = ANY($1)"}[need]
	if need == "ids" && d == sqltext.MySQL {
		where = "sku IN ($1)"
	}
	return fmt.Sprintf("SELECT sku, title FROM products WHERE %s", where)
}

// rows reads how many rows an id may have.
func (c *compiler) rows(n *node, d *Dimension) {
	switch n.text {
	case "one":
	case "many":
		d.Many = true
	default:
		c.add(n, "one: a row is an entity; many: several rows are one, as an array", "rows must be one or many, not %q", n.text)
	}
}

// checkQueried checks that what is asked of a database has no key that concerns requests by HTTP, and that id_field is a column.
func (c *compiler) checkQueried(n *node, u *Upstream) {
	if !u.queried() {
		return
	}
	for _, key := range []string{"post", "items", "fails"} {
		if at := n.get(key); at != nil {
			c.add(at, "the query alone says what is read", "%s is not for a database", key)
		}
	}
	if at := n.get("id_field"); at != nil && strings.Contains(at.text, ".") {
		c.add(at, `name it in the query: SELECT p."art.no" AS sku`, "id_field must be the name of a column without a dot")
	}
}
