package detail

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// A blob that inherits is read together with the blobs of what it refers to, and shown as if it had their members itself. Nothing of that
// is stored: what many entities share is in one blob, and a change of it writes one blob.

// asker reads blobs, by position.
type asker func(keys []kv.BlobKey) []blobcache.Part

// reader reads blobs through memory.
func (st *site) reader(ctx context.Context, policy blobcache.Policy) asker {
	return func(keys []kv.BlobKey) []blobcache.Part { return st.server.blobs.Read(ctx, keys, policy) }
}

// inherit lays under each part what its blob inherits. It returns, by position, the parts that this was taken from. All are read in one
// batch.
func (st *site) inherit(parts []*blobcache.Part, ask asker) (from [][]blobcache.Part) {
	from = make([][]blobcache.Part, len(parts))
	if !st.inherits {
		return from
	}
	var keys []kv.BlobKey
	for _, part := range parts {
		for _, key := range st.inheritedKeys(part) {
			if key.Blob != "" && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	var read []blobcache.Part
	if len(keys) > 0 {
		read = ask(keys)
	}
	for i, part := range parts {
		b := st.inheriting(part)
		if b == nil {
			continue
		}
		values := make([]kv.Value, len(b.Inherit))
		for n, key := range st.inheritedKeys(part) {
			if at := slices.Index(keys, key); at >= 0 {
				from[i] = append(from[i], read[at])
				if shows(read[at]) {
					values[n] = read[at].Value
				}
			}
		}
		part.Stored = part.Body
		part.Value = shape.Inherit(b, part.Value, values)
	}
	return from
}

func pointers(parts []blobcache.Part) []*blobcache.Part {
	all := make([]*blobcache.Part, len(parts))
	for i := range parts {
		all[i] = &parts[i]
	}
	return all
}

// inheriting is the blob of a part that is there and inherits; else nil.
func (st *site) inheriting(part *blobcache.Part) *catalog.Blob {
	b, err := st.catalog.Blob(part.Key.Entity.Kind, part.Key.Blob)
	if err != nil || len(b.Inherit) == 0 || !shows(*part) {
		return nil
	}
	return b
}

// inheritedKeys are those of what a part inherits, by the position of its blob's Inherit. The key for a ref that names nothing is empty.
func (st *site) inheritedKeys(part *blobcache.Part) (keys []kv.BlobKey) {
	b := st.inheriting(part)
	if b == nil {
		return nil
	}
	for _, w := range b.Inherit {
		key := kv.BlobKey{}
		if ids := part.Refs[w.Ref.Name].IDs; len(ids) > 0 {
			key = kv.BlobKey{Entity: item.Entity{Kind: w.Ref.Kind.Name, ID: ids[0]}, Blob: w.Blob.Name}
		}
		keys = append(keys, key)
	}
	return keys
}

// inherit does so for parts of a page. What was read along with the page's own blobs is not read again.
func (p *reading) inherit(ctx context.Context, parts []*blobcache.Part, policy blobcache.Policy) (from [][]blobcache.Part) {
	from = p.site.inherit(parts, func(keys []kv.BlobKey) []blobcache.Part {
		read := make([]blobcache.Part, len(keys))
		for i, part := range p.rest(ctx, keys, func(int) *catalog.Ref { return &catalog.Ref{} }, policy) {
			read[i] = *part
		}
		return read
	})
	p.noteInherited(from)
	return from
}

// noteInherited adds the parts that something on the page inherits from to what the page is made of, each once.
func (p *reading) noteInherited(from [][]blobcache.Part) {
	for _, parts := range from {
		for _, part := range parts {
			if !slices.ContainsFunc(p.inherited, func(q blobcache.Part) bool { return q.Key == part.Key }) {
				p.inherited = append(p.inherited, part)
			}
		}
	}
}

// inheritOwn lays under a page's own blobs what they inherit.
func (p *reading) inheritOwn(ctx context.Context, policy blobcache.Policy) {
	parts := []*blobcache.Part{&p.own}
	for i := range p.overlays {
		parts = append(parts, &p.overlays[i])
	}
	from := p.inherit(ctx, parts, policy)
	p.gen = genWith(p.own, from[0])
	for _, part := range p.inherited {
		p.partial = p.partial || part.Err != nil || part.Existence == kv.Absent
	}
}

// genWith is the gen of a blob with what it inherits, by which an open page sees that it has changed. Gens follow the clock of the store,
// so that the latest change has the highest.
func genWith(own blobcache.Part, from []blobcache.Part) uint64 { return max(own.Stamp, highest(from)) }

// checkPartial fails for a page that its rules refuse while something that it inherits is not there yet, or can't be read: with that, they
// might not refuse it.
func (p *reading) checkPartial(rule *catalog.Rule) error {
	if p.partial && ruleStatus(rule) >= http.StatusBadRequest {
		return fmt.Errorf("%w: what %s inherits is not known, and without it a rule of page %s answers %d", item.ErrUnavailable, p.entity, p.page.Name, ruleStatus(rule))
	}
	return nil
}
