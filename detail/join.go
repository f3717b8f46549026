package detail

import (
	"cmp"
	"context"
	"slices"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const (
	defaultSteps = 8  // of an "up" walk whose ref has no Max
	maxSteps     = 64 // each step is one more batch
	usualSteps   = 4
)

// join is one member under "with": the blobs of the entities that a ref names.
type join struct {
	with  catalog.With
	list  bool
	parts []blobcache.Part // of an "up" walk: the root first
}

// join reads the entities that refs name. The first steps of all refs go in one batch, and so do the second steps of "up"
// walks. What was prefetched is there already.
func (p *reading) join(ctx context.Context, with []catalog.With, refs kv.Refs, policy blobcache.Policy) []join {
	joins := make([]join, len(with))
	todo := make([][]string, len(with)) // ids to read next, by join
	for i, w := range with {
		ref := refs[w.Ref.Name]
		joins[i] = join{with: w, list: ref.List || w.Ref.Up != ""}
		todo[i] = first(w.Ref, ref.IDs)
		most := len(todo[i])
		if w.Ref.Up != "" {
			most *= usualSteps
		}
		joins[i].parts = make([]blobcache.Part, 0, most)
	}
	for {
		var keys []kv.BlobKey
		var of []int // index of the join that each part belongs to
		for i, ids := range todo {
			for _, id := range ids {
				keys = append(keys, kv.BlobKey{Entity: item.Entity{Kind: joins[i].with.Ref.Kind.Name, ID: id}, Blob: joins[i].with.Blob.Name})
				of = append(of, i)
			}
			todo[i] = nil
		}
		if len(keys) == 0 {
			break
		}
		for n, part := range p.rest(ctx, keys, func(i int) *catalog.Ref { return joins[of[i]].with.Ref }, policy) {
			j := &joins[of[n]]
			j.parts = append(j.parts, *part)
			todo[of[n]] = j.next(part)
		}
	}
	p.inherit(ctx, joinedParts(joins), policy)
	for i := range joins {
		if joins[i].with.Ref.Up != "" {
			slices.Reverse(joins[i].parts)
		}
	}
	return joins
}

// joinedParts are the parts of all joins.
func joinedParts(joins []join) (parts []*blobcache.Part) {
	for i := range joins {
		for n := range joins[i].parts {
			parts = append(parts, &joins[i].parts[n])
		}
	}
	return parts
}

// rest returns a part for each key, by position: from what was read along with the page's own, else from memory and the tiers. ref gives
// the ref that a key comes from. The further steps of an "up" walk are asked for along with the one that it has come to, as far as they
// are known.
func (p *reading) rest(ctx context.Context, keys []kv.BlobKey, ref func(i int) *catalog.Ref, policy blobcache.Policy) []*blobcache.Part {
	parts := make([]*blobcache.Part, len(keys))
	var wanted, further []kv.BlobKey
	var at []int
	for i, key := range keys {
		parts[i] = p.prefetched.part(key)
		if parts[i] != nil {
			continue
		}
		wanted, at = append(wanted, key), append(at, i)
		if r := ref(i); r.Up != "" {
			further = append(further, p.site.server.prefetcher.steps(r.Up, key, mostSteps(r))...)
		}
	}
	if len(wanted) > 0 {
		asked := p.ask(ctx, append(wanted, further...), policy)
		for n := range at {
			parts[at[n]] = &asked[n]
		}
		p.prefetched = append(p.prefetched, asked[len(at):]...)
	}
	return parts
}

// ask reads blobs, and counts a trip unless memory has them all.
func (p *reading) ask(ctx context.Context, keys []kv.BlobKey, policy blobcache.Policy) []blobcache.Part {
	parts := p.site.server.blobs.Read(ctx, keys, policy)
	for i := range parts {
		if parts[i].Asked() {
			p.trips++
			break
		}
	}
	return parts
}

// first are the ids to begin with: one for an "up" walk, else at most the ref's Max.
func first(ref *catalog.Ref, ids []string) []string {
	most := len(ids)
	if ref.Up != "" {
		most = min(most, 1)
	} else if ref.Max > 0 {
		most = min(most, ref.Max)
	}
	return ids[:most]
}

// mostSteps is how many steps an "up" walk has at most.
func mostSteps(ref *catalog.Ref) int { return min(cmp.Or(ref.Max, defaultSteps), maxSteps) }

// next is the id to which an "up" walk goes from a part. There is none at the root, in a circle, and after Max steps.
func (j *join) next(part *blobcache.Part) []string {
	ref := j.with.Ref
	if ref.Up == "" || len(j.parts) >= mostSteps(ref) {
		return nil
	}
	up := part.Refs[ref.Up].IDs
	if len(up) == 0 {
		return nil
	}
	for i := range j.parts {
		if j.parts[i].Key.Entity.ID == up[0] {
			return nil
		}
	}
	return up[:1]
}
