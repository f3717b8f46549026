package chaos_test

import (
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// announceUnheard announces in the room the edits that its HISTORY lacks, and counts them. HISTORY is filled best effort: where the
// leader of its stream is lost, it may lack what CHANGES has, and the other room does not hear of that but by its sampler, which takes too
// long to wait for. An edit that HISTORY has, and that the room does not show, is a defect.
func (r *soakRoom) announceUnheard() {
	ctx := r.t.Context()
	conn, err := bus.Dial(ctx, bus.Config{URL: r.natsURL(), Log: quiet()})
	if err != nil {
		r.t.Error(err)
		return
	}
	defer conn.Close()
	_, past, err := conn.Past(ctx, 0, time.Now().Add(-24*time.Hour))
	if err != nil {
		r.t.Error(err)
		return
	}
	heard := map[string]time.Time{}
	for change, err := range past {
		if err != nil {
			r.t.Error(err)
			return
		}
		heard[change.Change.Entity.ID] = change.At
	}
	var unheard []item.Change
	for _, id := range r.shop.ids() {
		if p, _ := r.shop.get(id); heard[id].Before(p.edited) {
			r.t.Logf("%s: the edit of %s at %s is not in HISTORY, whose last change of it is of %s", r.room, id, p.edited, heard[id])
			unheard = append(unheard, item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: item.All})
		}
	}
	if err := conn.PublishChanges(ctx, unheard, bus.PublishOptions{}); err != nil {
		r.t.Error(err)
	}
	r.unheard.Add(int64(len(unheard)))
}
