package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/jq"
)

// Poll is a list that is asked for at intervals, for systems that never notify. It has one of three forms:
//
//   - changes since a mark: the request has {since}
//   - a feed: the request has {cursor}, and the last cursor is where the next poll goes on
//   - the whole list: Whole is set, and what the list lacks is announced as well
type Poll struct {
	Name      string
	Kind      *Kind
	Dimension string          // of items that name none; defaults to item.All
	List      *List           // the request, with {cursor} and {since}, and its pages; IDs is nil
	Items     *jq.Program     // gives a list of ids, or of {id, kind, dimension, version}
	Mark      *jq.Program     // gives the mark that an answer reaches; nil: the time at which the poll began
	Start     json.RawMessage // the first mark: a text or a number; nil: the time of the first poll
	Since     *jq.Program     // makes of a mark what {since} stands for; nil: the mark itself
	Whole     bool
	Every     time.Duration // defaults to 1 min
	Overlap   time.Duration // how far before a mark that is a time the next poll begins; defaults to 2 min
	Lane      item.Lane     // defaults to normal
	Asked     string        // identifies the request; a mark or cursor of another request means nothing
}

// Feed reports whether the cursor is kept from one poll to the next.
func (p *Poll) Feed() bool { return !p.Whole && !p.List.holds("{since}") }

// holds reports whether the request of a list has a placeholder.
func (l *List) holds(placeholder string) bool {
	if l.From.queried() {
		return placeholder == "{cursor}" && l.Pages() || placeholder == "{since}" && l.Since()
	}
	return strings.Contains(l.Get, placeholder) || l.Post != nil && strings.Contains(string(l.Post.JSON), `"`+placeholder+`"`)
}

const (
	maxPolls       = 100
	defaultEvery   = time.Minute
	defaultOverlap = 2 * time.Minute
)

func (c *compiler) polls(n *node) {
	c.cat.Polls = map[string]*Poll{}
	c.named(n, "poll", func(key, n *node) {
		p := &Poll{Name: key.text, Dimension: item.All, List: &List{}, Every: defaultEvery, Overlap: defaultOverlap, Lane: item.Normal}
		c.cat.Polls[p.Name] = p
		if len(c.cat.Polls) == maxPolls+1 {
			c.add(key, "", "poll has more than %d entries", maxPolls)
		}
		known := c.asking(n, p.List, "cursor", "since")
		for name, read := range map[string]func(*node){
			"kind": func(n *node) { c.pollKind(n, p) }, "dimension": c.str("dimension", &p.Dimension), "items": c.query("items", &p.Items),
			"mark": c.query("mark", &p.Mark), "start": func(n *node) { p.Start = c.firstCursor(n) }, "since": c.query("since", &p.Since),
			"whole": c.flag("whole", &p.Whole), "every": c.duration("every", &p.Every, time.Second, longest),
			"overlap": c.duration("overlap", &p.Overlap, 0, longest), "lane": func(n *node) { c.lane(n, &p.Lane) },
			"pool": func(*node) {}, // read when from is known
		} {
			known[name] = read
		}
		if c.fieldsOf(n, "poll "+p.Name, known) {
			p.List.Pool = c.poolOf(n.get("pool"), p.List.From)
			c.checkPoll(key, n, p)
		}
	})
}

func (c *compiler) pollKind(n *node, p *Poll) {
	p.Kind = c.cat.Kinds[n.text]
	if p.Kind == nil {
		c.add(n, oneOf("kind", n.text, keysOf(c.cat.Kinds)), "kind names no kind: %q", n.text)
	}
}

// checkPoll checks that a poll has one of the three forms.
func (c *compiler) checkPoll(key, n *node, p *Poll) {
	for _, name := range []string{"from", "kind", "items"} {
		if n.get(name) == nil {
			c.add(key, "", "poll %s lacks %q", p.Name, name)
		}
	}
	c.checkCursor(n, "poll "+p.Name, p.List)
	if p.Kind == nil || p.List.From == nil {
		return
	}
	if err := c.cat.Announces(p.Kind.Name, p.Dimension); err != nil {
		c.add(n.get("dimension"), "", "%v", err)
	}
	since, cursor := p.List.holds("{since}"), p.List.holds("{cursor}")
	switch {
	case p.Whole && since:
		c.add(n.get("whole"), "leave whole out, or {since}", "a list of what has changed since is not the whole list")
	case p.Whole && p.Dimension == item.All:
		c.add(key, "write dimension: product", "poll %s is whole and lacks dimension: whose records shall it be compared with?", p.Name)
	case !p.Whole && !since && !cursor:
		c.add(key, "put {since} or {cursor} into the request, or write whole: true", "poll %s asks for the same each time", p.Name)
	case p.Feed() && n.get("next") == nil && !p.List.From.queried():
		c.add(key, "write next: .cursor", "poll %s lacks next, which gives the cursor of the next poll", p.Name)
	}
	for _, name := range []string{"mark", "start", "since", "overlap"} {
		if at := n.get(name); at != nil && !since {
			c.add(at, "", "%s is for a request with {since}", name)
		}
	}
	if string(p.Start) == "null" {
		c.add(n.get("start"), "leave it out", "start can't be null")
	}
	p.Asked = p.identity()
}

// identity is a hash of all that decides what marks and cursors mean.
func (p *Poll) identity() string {
	from := p.List.From.URL
	if p.List.From.Serve != "" { // its address is another one after each start
		from = "serve:" + p.List.From.Serve
	}
	var post Post
	if p.List.Post != nil {
		post = *p.List.Post
	}
	parts := []string{from, p.List.Get, post.Path, string(post.JSON), string(p.List.First), textOf(p.List.Next), textOf(p.Mark), string(p.Start), textOf(p.Since), p.Kind.Name}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:8])
}
