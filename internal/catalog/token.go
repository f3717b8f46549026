package catalog

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/jq"
)

// Token says where the token comes from that an upstream's calls carry. Exactly one of URL, File and Command is set.
type Token struct {
	URL     string            // OAuth2's token endpoint, asked for client credentials
	Client  string            // the client's id; a value env:NAME is a variable
	Secret  string            // variable that holds the client's secret
	Scopes  []string          // asked for; empty leaves them to the endpoint
	Params  map[string]string // further members of the request: audience, resource
	InBody  bool              // the client's id and secret go into the request's body; otherwise into its header
	File    string            // absolute path of a file that holds the token
	Command []string          // the words of a command that prints the token
	TTL     time.Duration     // for how long a command's token is used; 0: until the upstream refuses it
	Timeout time.Duration     // of a renewal; defaults to 10 s
	Header  string            // that the token is sent in; defaults to Authorization
	Scheme  string            // in front of the token; defaults to Bearer in Authorization, else to nothing
	Refused *jq.Program       // true: an answer refuses the token, whatever its status; nil: GraphQL's code UNAUTHENTICATED does
}

// Bounds of tokens.
const (
	defaultTokenTimeout = 10 * time.Second
	maxScopes           = 100
)

// token reads how an upstream's calls are authorised.
func (c *compiler) token(n *node, u *Upstream) {
	t := &Token{Timeout: defaultTokenTimeout, Header: "Authorization"}
	u.Token = t
	ok := c.fieldsOf(n, "token", map[string]func(*node){
		"url": func(n *node) { c.tokenURL(n, t) }, "client": func(n *node) { c.client(n, t) }, "secret": func(n *node) { c.clientSecret(n, t) },
		"scopes": c.strings("scopes", func(n *node) { t.Scopes = append(t.Scopes, strings.Fields(n.text)...) }),
		"params": func(n *node) { c.tokenParams(n, t) }, "auth": func(n *node) { c.tokenAuth(n, t) },
		"file": func(n *node) { c.tokenFile(n, t) }, "command": func(n *node) { c.tokenCommand(n, t) },
		"ttl":     c.duration("ttl", &t.TTL, time.Second, longest),
		"timeout": c.duration("timeout", &t.Timeout, 10*time.Millisecond, 5*time.Minute),
		"header":  func(n *node) { c.tokenHeader(n, t) }, "scheme": func(n *node) { c.tokenScheme(n, t) },
		"refused": c.query("refused", &t.Refused),
	})
	if !ok {
		return
	}
	if n.get("scheme") == nil && strings.EqualFold(t.Header, "Authorization") {
		t.Scheme = "Bearer"
	}
	c.checkToken(n, t)
	for name := range u.Headers {
		if strings.EqualFold(name, t.Header) {
			c.add(n, "leave one of the two out", "upstream %s sends the header %s twice: headers has it, and its token", u.Name, name)
		}
	}
}

// checkToken checks that a token comes from one place, and that no key stands there that is for another one.
func (c *compiler) checkToken(n *node, t *Token) {
	var from []string
	for _, key := range []string{"url", "file", "command"} {
		if n.get(key) != nil {
			from = append(from, key)
		}
	}
	if len(from) != 1 {
		c.add(n, "write url (OAuth2 client credentials), file or command", "token needs exactly one of url, file and command")
		return
	}
	of := map[string]string{"client": "url", "secret": "url", "scopes": "url", "params": "url", "auth": "url", "ttl": "command"}
	for _, f := range n.fields {
		if key := of[f.key.text]; key != "" && key != from[0] {
			c.add(f.key, "", "%s is for a token with %s", f.key.text, key)
		}
	}
	if n.get("timeout") != nil && from[0] == "file" {
		c.add(n.get("timeout"), "", "timeout is for a token with url or command")
	}
	for _, key := range []string{"client", "secret"} {
		if from[0] == "url" && n.get(key) == nil {
			c.add(n, "", "token lacks %q", key)
		}
	}
	if len(t.Scopes) > maxScopes {
		c.add(n.get("scopes"), "", "scopes has %d, more than %d", len(t.Scopes), maxScopes)
	}
}

func (c *compiler) tokenURL(n *node, t *Token) {
	if !c.want(n, text, "url") {
		return
	}
	v, err := url.Parse(n.text)
	if err != nil || v.Scheme != "http" && v.Scheme != "https" || v.Host == "" || v.User != nil || v.Fragment != "" {
		c.add(n, "write it as https://login.example/oauth/token", "%q is no address of a token endpoint", n.text)
	}
	t.URL = n.text
}

func (c *compiler) client(n *node, t *Token) {
	if !c.want(n, text, "client") {
		return
	}
	if _, ok, valid := envName(n.text); n.text == "" || ok && !valid {
		c.add(n, "write the id itself, or env:SHOP_CLIENT", "client can't be %q", n.text)
	}
	t.Client = n.text
}

func (c *compiler) clientSecret(n *node, t *Token) {
	if !c.want(n, text, "secret") {
		return
	}
	name, _, valid := envName(n.text)
	if !valid {
		c.add(n, "put the secret into the environment of the process, and write env:SHOP_SECRET", "secret must name a variable of the environment")
	}
	t.Secret = name
}

func (c *compiler) tokenParams(n *node, t *Token) {
	if !c.want(n, object, "params") {
		return
	}
	t.Params = map[string]string{}
	for _, f := range n.fields {
		switch f.key.text {
		case "grant_type", "client_id", "client_secret", "scope":
			c.add(f.key, "", "params can't have %s, which the token's own keys give", f.key.text)
		}
		var value string
		c.str("params."+f.key.text, &value)(f.value)
		t.Params[f.key.text] = value
	}
}

func (c *compiler) tokenAuth(n *node, t *Token) {
	switch n.text {
	case "header":
	case "body":
		t.InBody = true
	default:
		c.add(n, "", "auth must be header or body, not %q", n.text)
	}
}

func (c *compiler) tokenFile(n *node, t *Token) {
	if !c.want(n, text, "file") {
		return
	}
	if !filepath.IsAbs(n.text) || filepath.Clean(n.text) != n.text || strings.ContainsAny(n.text, ",\x00\r\n") {
		c.add(n, "write it as /var/run/secrets/tokens/shop", "file must be an absolute path without ., .. or commas, not %q", n.text)
	}
	t.File = n.text
}

// tokenCommand reads the words of a command. There is no shell, and no quoting: what needs more is a script's matter.
func (c *compiler) tokenCommand(n *node, t *Token) {
	if !c.want(n, text, "command") {
		return
	}
	t.Command = strings.Fields(n.text)
	if len(t.Command) == 0 || strings.ContainsAny(n.text, ",\"'`$|<>&;\\\x00\r\n") {
		c.add(n, "no shell reads it: write the words of one command, such as: /usr/local/bin/shop-token --scope read; put everything else into a script",
			"command can't be %q", n.text)
	}
}

func (c *compiler) tokenHeader(n *node, t *Token) {
	c.str("header", &t.Header)(n)
	if t.Header == "" || strings.Trim(t.Header, headerBytes) != "" {
		c.add(n, "", "%q can't be a header", t.Header)
	}
}

func (c *compiler) tokenScheme(n *node, t *Token) {
	c.str("scheme", &t.Scheme)(n)
	if strings.Trim(t.Scheme, headerBytes) != "" {
		c.add(n, "write it as Bearer or Token", "%q can't be in front of a token", t.Scheme)
	}
}
