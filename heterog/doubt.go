package heterog

import (
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// enough is how many older answers in a row, besides the time, show that an upstream went back. It matters when the
// queue is so long that the first two are a minute apart.
const enough = 5

// doubt refuses an answer that is older than the record, since a lagging replica gives one for a moment. If the answers
// stay older for as long as Patience, and for enough requests, the data was restored or created again at the upstream,
// and the answer is accepted.
//
// The doubt travels in the change, so it depends neither on the worker that handles the change next nor outlives it. It
// concerns one version of the record: if the record has changed meanwhile, earlier answers say nothing about the
// present one.
func (w *Worker) doubt(d *catalog.Dimension, j *job) error {
	if j.held.Existence == kv.Absent || j.value.Version == "" || j.held.Version == "" || j.value.Version >= j.held.Version {
		return nil
	}
	doubt := j.task.Doubt
	if version := j.held.Version.String(); doubt.Version != version {
		doubt = bus.Doubt{Version: version, Since: w.now()}
	}
	doubt.Answers++
	if doubt.Answers >= enough && w.now().Sub(doubt.Since) >= w.Patience {
		j.wentBack = true
		w.Log.Warn("an upstream went back", "record", j.key.String(), "from", j.held.Version.String(), "to", j.value.Version.String())
		return nil
	}
	return &bus.Doubted{Doubt: doubt, Err: fmt.Errorf("%w: %s has version %s, %s answered %s",
		item.ErrBehind, j.key, j.held.Version, d.From.Name, j.value.Version)}
}
