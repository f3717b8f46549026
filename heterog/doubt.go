package heterog

import (
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// enough is how many older answers in a row it takes, beside the time, to believe that an upstream went back. It
// matters where the queue is so long that the first two are a minute apart.
const enough = 5

// doubt refuses an answer that is older than the record: a lagging replica says so for a moment. What is older for as
// long as Patience, asked enough times, was restored or re-created at its owner, and is accepted.
//
// The doubt travels with the change, so that it neither depends on which worker is asked next nor outlives its
// occasion. It counts against one version of the record: if the record has moved on meanwhile, the answer before says
// nothing about the one that came now.
func (w *Worker) doubt(d *catalog.Dimension, j *job) error {
	if j.held.Life == kv.Absent || j.value.Version == "" || j.held.Version == "" || j.value.Version >= j.held.Version {
		return nil
	}
	doubt := j.task.Doubt
	if version := j.held.Version.String(); doubt.Version != version {
		doubt = bus.Doubt{Version: version, Since: time.Now()}
	}
	doubt.Answers++
	if doubt.Answers >= enough && time.Since(doubt.Since) >= w.Patience {
		j.wentBack = true
		w.Log.Warn("an upstream went back", "record", j.key.String(), "from", j.held.Version.String(), "to", j.value.Version.String())
		return nil
	}
	return &bus.Doubted{Doubt: doubt, Err: fmt.Errorf("%w: %s has version %s, %s answered %s",
		item.ErrBehind, j.key, j.held.Version, d.From.Name, j.value.Version)}
}
