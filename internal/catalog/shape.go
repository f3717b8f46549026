package catalog

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"vitrine/internal/jq"
)

// seal computes the shapes: those of dimensions first, since those of blobs depend on them.
func (c *compiler) seal() {
	all := fnv.New64a()
	claims := map[*Blob]string{}
	for _, p := range c.cat.Pages {
		if p.Alone() {
			claims[p.Blob] += fmt.Sprintf("\x00slug %q %q", p.Name, p.Slug.From) // a catalog with such a page has all slugs claimed
		}
	}
	for _, name := range keysOf(c.cat.Kinds) {
		k := c.cat.Kinds[name]
		for _, d := range k.Dimensions {
			d.Shape = shapeOf(d.form())
			fmt.Fprintf(all, "record %s.%s %06x\n", k.Name, d.Name, d.Shape)
		}
		for _, b := range k.Blobs {
			b.Shape = shapeOf(b.form() + claims[b])
			fmt.Fprintf(all, "blob %s.%s %06x\n", k.Name, b.Name, b.Shape)
		}
	}
	c.cat.Shapes = fmt.Sprintf("%016x", all.Sum64())
}

// cleaning is the revision of shape.Clean's output. Increasing it has every field of HTML fetched again.
const cleaning = 4

// form is everything that decides the content of the dimension's records: the request, the upstream, and the processing
// of the answer. How the request is made (time-outs, concurrency, secrets) is not part of it.
func (d *Dimension) form() string {
	if d.Internal() {
		return "claims"
	}
	var refs, paths []string
	for _, r := range d.Refs {
		refs = append(refs, fmt.Sprintf("%q %q %q %d", r.Name, r.Kind.Name, r.Field, r.Max))
	}
	for _, p := range d.HTML {
		paths = append(paths, fmt.Sprintf("html%d %s", cleaning, p))
	}
	for _, p := range d.Require {
		paths = append(paths, "require "+p.String())
	}
	slices.Sort(refs)
	slices.Sort(paths)
	return strings.Join([]string{"record", d.asked(), textOf(d.Pick), textOf(d.Gone), d.Version.String(),
		strings.Join(refs, "\n"), strings.Join(paths, "\n")}, "\x00")
}

// asked is the request and its upstream. A served file has another address after each start, so its name counts
// instead.
func (d *Dimension) asked() string {
	from := d.From.URL
	if d.From.Serve != "" {
		from = "serve:" + d.From.Serve
	}
	var post Post
	if d.Post != nil {
		post = *d.Post
	}
	asked := fmt.Sprintf("%q %q %q get %q batch %q by %q post %q %q keep %t", d.From.Name, from, keysOf(d.From.Headers),
		d.Get, d.Batch, d.IDField.String(), post.Path, post.JSON, d.Keep)
	if d.Items != nil { // a catalog without these keys keeps the shapes that it had before they existed
		asked += fmt.Sprintf(" items %q", d.Items.Text)
	}
	if d.Fails != nil {
		asked += fmt.Sprintf(" fails %q", d.Fails.Text)
	}
	if post.Prefix != "" {
		asked += fmt.Sprintf(" prefix %q", post.Prefix)
	}
	if d.Many {
		asked += " rows many"
	}
	return asked
}

// form is everything that decides the content of the blob.
func (b *Blob) form() string {
	parts := []string{"blob", textOf(b.Fold)}
	for _, d := range b.Of {
		part := fmt.Sprintf("%s %06x", d.Name, d.Shape)
		if b.Fold != nil && len(d.HTML) > 0 {
			part += " marked" // where the fold left its HTML; blobs of former programs do not have that
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\x00")
}

func textOf(q *jq.Program) string {
	if q == nil {
		return ""
	}
	return q.Text
}

// shapeOf is 24 bits of FNV-1a, never 0, which means no shape.
func shapeOf(form string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(form))
	sum := h.Sum32()
	return max(1, (sum>>24^sum)&0xffffff)
}

// codeOf identifies an upstream in stored headers: 16 bits of FNV-1a of its name, never 0.
func codeOf(name string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(name))
	sum := h.Sum32()
	return uint16(max(1, (sum>>16^sum)&0xffff))
}
