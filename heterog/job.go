package heterog

import (
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// job is one change on its way through a worker.
type job struct {
	task bus.Task
	key  kv.RecordKey

	held       kv.Record // as read before fetching
	asked      time.Time // when its upstream was
	value      kv.Value  // as fetched and shaped
	refs       kv.Refs
	validators kv.Validators
	result     kv.PutResult
	wentBack   bool // the answer is older than the record, and was accepted
	err        error
}

func newJobs(d *catalog.Dimension, tasks []bus.Task) []*job {
	jobs := make([]*job, len(tasks))
	for i, t := range tasks {
		jobs[i] = &job{task: t, key: kv.RecordKey{Entity: t.Change.Entity, Dimension: d.Name}}
	}
	return jobs
}

// ask adds the record's validators to the request if the worker can use a "not modified".
func (j *job) ask(d *catalog.Dimension) upstream.Ask {
	a := upstream.Ask{ID: j.key.Entity.ID, Lane: j.task.Change.Lane}
	if j.held.Existence == kv.Alive && j.held.Shape == d.Shape && !j.task.Force {
		a.ETag = j.held.ETag
		a.LastModified = j.held.LastModified
	}
	return a
}

func (j *job) put(d *catalog.Dimension) kv.Put {
	return kv.Put{RecordKey: j.key, Expect: j.held.Stamp, Value: j.value, Validators: j.validators, Refs: j.refs, Same: j.same(d)}
}

func fail(jobs []*job, err error) {
	for _, j := range jobs {
		j.err = err
	}
}

func errs(jobs []*job) []error {
	out := make([]error, len(jobs))
	for i, j := range jobs {
		out[i] = j.err
	}
	return out
}

func all(tasks []bus.Task, err error) []error {
	return slices.Repeat([]error{err}, len(tasks))
}
