package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// mend wants a blob that is missing, that has another shape, or that contains a record whose tombstone has expired.
func (j *job) mend(b *catalog.Blob, stored kv.Blob) {
	to := shape.Blob(b, j.state.Shapes)
	switch {
	case j.wants(b), slices.Contains(j.anew, b), j.unknown && stored.Existence != kv.Alive:
	case stored.Existence == kv.Absent, stored.Stamp < j.state.Gen(b.Dimensions()): // the store may have lost the newer one
		j.want(b, j.state.Gen(b.Dimensions()))
	case j.unknown || to != 0 && stored.Shape != to:
		j.wantAnew(b)
	}
}

// wantAnew records a blob that needs a new gen before it is folded.
func (j *job) wantAnew(b *catalog.Blob) { j.anew = append(j.anew, b) }

// reshape raises the roots of stored blobs of another shape, since a blob is only written over a lower gen. Two syncers
// with different catalogs would do so for ever, so only one with the catalog in force may.
func (f *Worker) reshape(ctx context.Context, kind *catalog.Kind, jobs []*job) error {
	jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return len(j.anew) == 0 })
	if len(jobs) == 0 {
		return nil
	}
	if err := f.Head(); err != nil {
		for _, j := range jobs {
			j.suspend("reshape", err)
		}
		return nil
	}
	for _, j := range jobs {
		j.suspend("raise", f.Records.Raise(ctx, j.entity(), j.roots()))
	}
	states, err := f.Records.States(ctx, entities(jobs))
	for i, err := range kv.ItemErrors(err, len(jobs)) {
		jobs[i].suspend("read state", err)
		if jobs[i].suspended == nil {
			jobs[i].rise(kind, states[i])
		}
	}
	return nil
}

// roots lists the roots of the blobs to be remade, each once.
func (j *job) roots() (names []string) {
	for _, b := range j.anew {
		if root := b.Of[0].Name; !slices.Contains(names, root) {
			names = append(names, root)
		}
	}
	return names
}

// rise takes over the state after roots were raised: wanted blobs get their new gens, and every blob that has risen
// with them is wanted.
func (j *job) rise(kind *catalog.Kind, s kv.State) {
	j.state = s
	j.raised = true
	for i, w := range j.todo {
		j.todo[i].gen = s.Gen(w.blob.Dimensions())
	}
	for _, b := range kind.Blobs {
		if gen := s.Gen(b.Dimensions()); gen > s.Built[b.Name] && !j.wants(b) {
			j.want(b, gen)
		}
	}
}

// contested is a blob that was refused.
type contested struct {
	job *job
	put kv.BlobPut
}

// contest checks the stored blobs because of which puts were refused. Usually they are newer, or equal. A blob of the
// same gen and another shape was folded by a syncer with another catalog: it gets a new gen, and its entity is folded
// again.
func (f *Worker) contest(ctx context.Context, refused []contested) error {
	if len(refused) == 0 {
		return nil
	}
	keys := make([]kv.BlobKey, len(refused))
	for i, c := range refused {
		keys[i] = c.put.BlobKey
	}
	there, err := f.Blobs.Blobs(ctx, keys)
	for i, err := range kv.ItemErrors(err, len(keys)) {
		c := refused[i]
		c.job.suspend("read what stands in the way of "+c.put.Blob, err)
		if c.job.suspended != nil || there[i].Stamp != c.put.Value.Stamp || there[i].Shape == c.put.Value.Shape {
			continue
		}
		if err := f.Head(); err != nil {
			c.job.suspend("contest "+c.put.Blob, err)
			continue
		}
		c.job.suspend("raise", f.Records.Raise(ctx, c.job.entity(), []string{c.job.withdraw(c.put)}))
	}
	return nil
}

// withdraw drops a folded blob, and gives its root. The entity stays dirty, and is tried again.
func (j *job) withdraw(put kv.BlobPut) (root string) {
	for _, w := range j.todo {
		if w.blob.Name == put.Blob {
			root = w.blob.Of[0].Name
		}
	}
	j.puts = slices.DeleteFunc(j.puts, func(p kv.BlobPut) bool { return p.Blob == put.Blob })
	j.err = errors.Join(j.err, fmt.Errorf("%w: %s was folded by another catalog under the same gen", item.ErrChanged, put.BlobKey))
	return root
}
