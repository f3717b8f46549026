package heterog

import (
	"context"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Where one fetch stands for several edits, a replica that lags may answer with one of them: newer than the record, and
// not the newest.
//
//	upstream a   b   c       two changes, of which CHANGES keeps the newer, or which waited here together
//	replica  a       b       the fetch: b is new, and nobody announces c again
//
// An answer that is new is the newest where only one change was announced since the record was last up to date. Where
// there were several, it is looked at once more, which costs no more calls than if each of them had been fetched.

const (
	// lag is for how long a replica may say what was before a change, by any clock.
	lag = 5 * time.Second
	// lookLag is that lag for second looks, no sooner than which they come.
	lookLag = 3 * time.Second
	// settled is how long after a fetch a record has seen each change that was announced before that, by a second look at last.
	settled = 2 * lag
	// backlog is how long a change may have waited until the one that took its place came.
	backlog = 10 * time.Minute
)

// young reports whether a replica may not have known yet, when it was asked, of the last change that j stands for.
func (j *job) young() bool { return j.asked.Sub(j.task.Published) < lag }

// several reports whether the job may stand for several changes: they waited together; a second look at the one before may
// still be due; or nobody knows what the store held, which may have been emptied a moment ago.
func (j *job) several() bool {
	return j.young() && (j.task.Merged || j.held.Existence == kv.Absent || j.fetchedWithin(settled))
}

// fetchedWithin reports whether the record had been fetched so short a time before. What is new then may as well be older, from
// another replica.
func (j *job) fetchedWithin(d time.Duration) bool {
	return j.held.Existence != kv.Absent && j.asked.Sub(j.held.Fetched) < d
}

// repeated reports which jobs stand for several changes, of which NATS kept the last.
func (w *Worker) repeated(ctx context.Context, jobs []*job) []bool {
	tasks, since := make([]bus.Task, len(jobs)), make([]time.Time, len(jobs))
	for i, j := range jobs {
		tasks[i] = j.task
		since[i] = unseen(j.task, j.held.Fetched)
	}
	return w.askHistory(ctx, tasks, since)
}

// unseen is from when on changes may be in t that a record is not known to have, which was fetched at a time.
func unseen(t bus.Task, fetched time.Time) time.Time {
	since, earliest := fetched.Add(-settled), t.Published.Add(-backlog)
	if since.Before(earliest) {
		return earliest
	}
	return since
}

// askHistory reports which tasks stand for several changes. If that is not known, all may.
func (w *Worker) askHistory(ctx context.Context, tasks []bus.Task, since []time.Time) []bool {
	if len(tasks) == 0 || w.History == nil {
		return make([]bool, len(tasks))
	}
	repeated, err := w.History.Repeated(ctx, tasks, since)
	if err != nil {
		w.Log.Debug("which changes were announced several times is not known", "error", err)
		return slices.Repeat([]bool{true}, len(tasks))
	}
	return repeated
}

// severalOfAll reports which changes of "all" stand for several: those of their dimensions are announced once, and
// don't show it. It asks before they are announced, since nothing shows afterwards what the records were.
func (w *Worker) severalOfAll(ctx context.Context, tasks []bus.Task) []bool {
	several := make([]bool, len(tasks))
	var at []int
	var single []bus.Task
	for i, t := range tasks {
		switch {
		case t.Second || t.Change.Lane == item.Refresh || w.now().Sub(t.Published) >= lag:
		case t.Merged:
			several[i] = true
		default:
			at = append(at, i)
			single = append(single, t)
		}
	}
	since := make([]time.Time, len(single))
	for i, fetched := range w.fetched(ctx, single) {
		since[i] = unseen(single[i], fetched)
	}
	for i, repeated := range w.askHistory(ctx, single, since) {
		several[at[i]] = repeated
	}
	return several
}

// fetched returns for each entity when its oldest record was fetched; the zero time if it has none, or if that is not known.
func (w *Worker) fetched(ctx context.Context, tasks []bus.Task) []time.Time {
	oldest := make([]time.Time, len(tasks))
	var keys []kv.RecordKey
	var of []int // by key: the task
	for i, t := range tasks {
		kind, err := w.Catalog().Kind(t.Change.Entity.Kind)
		if err != nil {
			continue
		}
		for _, d := range kind.Dimensions {
			keys = append(keys, kv.RecordKey{Entity: t.Change.Entity, Dimension: d.Name})
			of = append(of, i)
		}
	}
	records, err := w.Store.Records(ctx, keys)
	if err != nil {
		return oldest
	}
	for k, r := range records {
		if at := &oldest[of[k]]; r.Existence != kv.Absent && (at.IsZero() || r.Fetched.Before(*at)) {
			*at = r.Fetched
		}
	}
	return oldest
}
