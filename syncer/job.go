package syncer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// job is one entity on its way through a Worker.
type job struct {
	task      bus.Task
	state     kv.State
	unknown   bool // the entity had no state when it was read
	todo      []pendingBlob
	raised    bool                 // its gens rose without a change
	anew      []*catalog.Blob      // stored blobs of another shape than the catalog's
	records   map[string]kv.Record // by dimension
	puts      []kv.BlobPut
	found     map[string][]byte // bodies of stored blobs that were looked at, by name
	err       error             // of a blob or of the index; the rest of the entity continues
	suspended error             // of our own store or queue; nothing more is done for the entity
}

// pendingBlob is a blob to be folded, and the gen under which it will be written.
type pendingBlob struct {
	blob *catalog.Blob
	gen  uint64
}

func newJobs(tasks []bus.Task) []*job {
	jobs := make([]*job, len(tasks))
	for i, t := range tasks {
		jobs[i] = &job{task: t}
	}
	return jobs
}

func (j *job) entity() item.Entity { return j.task.Change.Entity }

// suspend stops the work on the entity for now if err says that a store or a queue failed for it.
func (j *job) suspend(what string, err error) {
	if err == nil || j.suspended != nil {
		return
	}
	if what != "" {
		err = fmt.Errorf("%s of %s: %w", what, j.entity(), err)
	}
	if !errors.Is(err, item.ErrCatalog) {
		err = fmt.Errorf("%w: %w", item.ErrOwn, err)
	}
	j.suspended = err
}

// askAll lists changes for all dimensions of the entity.
func (j *job) askAll(kind *catalog.Kind) (changes []item.Change) {
	for _, d := range kind.Dimensions {
		changes = append(changes, item.Change{Lane: item.High, Entity: j.entity(), Dimension: d.Name})
	}
	return changes
}

func (j *job) thorough() bool { return j.task.Change.Lane != item.Normal || j.task.Force }

func (j *job) want(b *catalog.Blob, gen uint64) { j.todo = append(j.todo, pendingBlob{b, gen}) }

func (j *job) wants(b *catalog.Blob) bool {
	return slices.ContainsFunc(j.todo, func(w pendingBlob) bool { return w.blob == b })
}

// recordKeys lists the records from which the wanted blobs are folded, each once.
func (j *job) recordKeys() []kv.RecordKey {
	var keys []kv.RecordKey
	seen := map[string]bool{}
	for _, w := range j.todo {
		for _, d := range w.blob.Of {
			if !seen[d.Name] {
				seen[d.Name] = true
				keys = append(keys, kv.RecordKey{Entity: j.entity(), Dimension: d.Name})
			}
		}
	}
	return keys
}

// setRecords stores the records read. It returns a change for each damaged one, and drops the blobs that would be
// folded from it: they stay as they are, and dirty, until the record has been replaced.
func (j *job) setRecords(keys []kv.RecordKey, records []kv.Record) (damaged []item.Change) {
	j.records = make(map[string]kv.Record, len(keys))
	for i, k := range keys {
		j.records[k.Dimension] = records[i]
		if records[i].Damaged {
			damaged = append(damaged, item.Change{Lane: item.High, Entity: k.Entity, Dimension: k.Dimension})
		}
	}
	if len(damaged) == 0 {
		return nil
	}
	whole := j.todo[:0]
	for _, w := range j.todo {
		if !j.damaged(w.blob) {
			whole = append(whole, w)
		}
	}
	j.todo = whole
	return damaged
}

func (j *job) damaged(b *catalog.Blob) bool {
	for _, d := range b.Of {
		if j.records[d.Name].Damaged {
			return true
		}
	}
	return false
}

func (j *job) fold() {
	for _, w := range j.todo {
		put, err := foldOne(w.blob, j.entity(), w.gen, j.records)
		if err != nil {
			j.err = fmt.Errorf("fold %s of %s: %w", w.blob.Name, j.entity(), err)
			continue
		}
		j.puts = append(j.puts, put)
	}
}

// find keeps the body of a stored blob.
func (j *job) find(name string, stored kv.Blob) {
	if stored.Existence != kv.Alive {
		return
	}
	if j.found == nil {
		j.found = map[string][]byte{}
	}
	j.found[name] = stored.Body
}

// gens is the gens of the blobs that were put.
func (j *job) gens() map[string]uint64 {
	gens := make(map[string]uint64, len(j.puts))
	for _, p := range j.puts {
		gens[p.Blob] = p.Value.Stamp
	}
	return gens
}

// shapes is the shapes of the blobs that were put.
func (j *job) shapes() map[string]uint32 {
	shapes := make(map[string]uint32, len(j.puts))
	for _, p := range j.puts {
		shapes[p.Blob] = p.Value.Shape
	}
	return shapes
}

// vector is the gen of each blob of the entity: what was put now, or else what was built before.
func (j *job) vector(kind *catalog.Kind) map[string]uint64 {
	gens := j.gens()
	for _, b := range kind.Blobs {
		if built := j.state.Built[b.Name]; built > 0 && gens[b.Name] == 0 {
			gens[b.Name] = built
		}
	}
	return gens
}

// present lists the jobs that are not suspended.
func present(jobs []*job) (left []*job) {
	for _, j := range jobs {
		if j.suspended == nil {
			left = append(left, j)
		}
	}
	return left
}

func entities(jobs []*job) []item.Entity {
	out := make([]item.Entity, len(jobs))
	for i, j := range jobs {
		out[i] = j.entity()
	}
	return out
}

func errs(jobs []*job) []error {
	out := make([]error, len(jobs))
	for i, j := range jobs {
		out[i] = cmp.Or(j.suspended, j.err)
	}
	return out
}

func all(tasks []bus.Task, err error) []error {
	return slices.Repeat([]error{err}, len(tasks))
}
