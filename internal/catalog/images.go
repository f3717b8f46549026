package catalog

import "strings"

// images reads what is common to all pictures.
func (c *compiler) images(n *node) {
	c.fieldsOf(n, "images", map[string]func(*node){"sizes": c.sizes})
}

// sizes reads the pattern of a picture's address in a width: of the picture's own address, or of a service's that makes it small. The
// service's origin is one that pictures may come from.
func (c *compiler) sizes(n *node) {
	if !c.want(n, text, "images.sizes") {
		return
	}
	const advice = "write it as {url}?width={width}, or https://img.example/{width}?of={url}"
	s := &c.cat.Site
	before, _, _ := strings.Cut(n.text, "{")
	switch {
	case strings.Count(n.text, "{url}") != 1 || strings.Count(n.text, "{width}") != 1 || len(placeholders(n.text)) != 2:
		c.add(n, advice, "images.sizes needs {url} and {width} once each, and no other placeholder")
		return
	case strings.ContainsAny(n.text, " ,;'\"<>\\\t\r\n"):
		c.add(n, advice, "images.sizes is no address: %q", n.text)
		return
	case strings.HasPrefix(before, "https://"), strings.HasPrefix(before, "http://"):
		scheme, rest, _ := strings.Cut(before, "://")
		host, _, ok := strings.Cut(rest, "/")
		if !ok || host == "" {
			c.add(n, advice, "images.sizes has no host of its own: %q", n.text)
			return
		}
		s.Images = append(s.Images, scheme+"://"+host)
	case !strings.HasPrefix(n.text, "{url}") && (!strings.HasPrefix(n.text, "/") || strings.HasPrefix(n.text, "//")):
		c.add(n, advice, "images.sizes leads nowhere: %q", n.text)
		return
	}
	s.Sizes = n.text
}
