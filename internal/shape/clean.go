package shape

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"vitrine/internal/item"
)

// maxHTML is the greatest length of a field of HTML, in bytes.
const maxHTML = 1 << 20

// Clean keeps HTML that describes a product, removes what could run or affect the page around it, and closes open
// elements, so that they can't swallow the page. Errors wrap item.ErrRefused.
func Clean(s string) (string, error) {
	if len(s) > maxHTML {
		return "", fmt.Errorf("%w: HTML of %d bytes, more than %d", item.ErrRefused, len(s), maxHTML)
	}
	nodes, err := html.ParseFragment(strings.NewReader(policy().Sanitize(s)), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		return "", fmt.Errorf("%w: HTML: %w", item.ErrRefused, err)
	}
	var b strings.Builder
	for _, n := range nodes {
		tidy(n)
		if err := html.Render(&b, n); err != nil {
			return "", fmt.Errorf("%w: HTML: %w", item.ErrRefused, err)
		}
	}
	// Text and attributes are escaped, so this is always the end of a void element such as <img/>.
	return strings.ReplaceAll(b.String(), "/>", ">"), nil
}

// tidy sets the attributes that pages want on pictures and links.
func tidy(n *html.Node) {
	for d := range n.Descendants() {
		tidyOne(d)
	}
	tidyOne(n)
}

func tidyOne(n *html.Node) {
	switch n.DataAtom {
	case atom.Ul, atom.Ol:
		itemize(n)
	case atom.Img:
		if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" }) {
			setAttr(n, "alt", "") // what has no words is not read out
		}
		setAttr(n, "loading", "lazy")
	case atom.H1: // the page's own is the product's title
		n.Data, n.DataAtom = "h2", atom.H2
	case atom.A:
		setAttr(n, "rel", "nofollow noopener")
	}
}

// itemize puts what stands in a list without being an item of it, such as a further list, into an item. Lists of nothing go.
func itemize(list *html.Node) {
	var next *html.Node
	for c := list.FirstChild; c != nil; c = next {
		next = c.NextSibling
		blank := c.Type == html.TextNode && strings.TrimSpace(c.Data) == ""
		if c.DataAtom == atom.Li || blank {
			continue
		}
		if c.FirstChild == nil && (c.DataAtom == atom.Ul || c.DataAtom == atom.Ol) {
			list.RemoveChild(c)
			continue
		}
		li := &html.Node{Type: html.ElementNode, Data: "li", DataAtom: atom.Li}
		list.InsertBefore(li, c)
		list.RemoveChild(c)
		li.AppendChild(c)
	}
}

func setAttr(n *html.Node, key, value string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
}

var (
	webURL = regexp.MustCompile(`^(?i)(https?://|//|/|[a-z0-9_.-]+(/|$|\?|\.))`)
	pixels = regexp.MustCompile(`^[0-9]{1,5}(px|%)?$`)
	word   = regexp.MustCompile(`^[a-zA-Z0-9 _-]{1,64}$`)
)

// policy is an explicit allow-list. It has no styles: the pages' Content-Security-Policy forbids inline ones, and the
// policy's CSS parser takes quadratic time: 1 MiB of "{" took 39 s.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "div", "span", "section", "article", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li",
		"dl", "dt", "dd", "b", "strong", "i", "em", "u", "s", "small", "sub", "sup", "mark", "blockquote", "pre", "code",
		"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "figure", "figcaption", "abbr", "center")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("td", "th")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^(row|col|rowgroup|colgroup)$`)).OnElements("th")
	p.AllowAttrs("title", "lang", "dir").Matching(word).Globally()
	p.AllowURLSchemes("http", "https")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src").Matching(webURL).OnElements("img", "video", "source")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(pixels).OnElements("img", "video", "table", "td", "th")
	p.AllowAttrs("poster").Matching(webURL).OnElements("video")
	p.AllowAttrs("controls", "preload", "muted", "loop").Matching(regexp.MustCompile(`^[a-z]{0,16}$`)).OnElements("video")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^video/[a-z0-9.+-]{1,32}$`)).OnElements("source")
	p.AllowElements("img", "video", "source")
	return p
})
