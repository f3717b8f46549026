package audit_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/poll"
)

// TestDeadLettersLeaveWhenTheirEntityIsHealed proves that a dead letter is removed when its record was fetched later,
// or its blobs are built. A dead letter about an unknown subject stays, as does one whose record was fetched before it.
func TestDeadLettersLeaveWhenTheirEntityIsHealed(t *testing.T) {
	r := newRoom(t)
	r.sell(1, "1", "2", "3")
	r.put(1, "1", "2", "3")
	r.build("1")
	now := time.Now()
	letters := map[string]time.Time{
		"change.normal.sku.price.1":  now.Add(-time.Minute),      // fetched since
		"change.normal.sku.price.2":  now.Add(time.Minute),       // not fetched since
		"change.normal.sku.price.3":  now.Add(-time.Millisecond), // too close: by another clock it may have been fetched before
		"change.normal.sku.price.9":  now.Add(-time.Minute),      // never fetched
		"change.normal.sku.all.1":    now.Add(-time.Minute),
		"change.normal.sku.colour.1": now.Add(-time.Minute), // no such dimension
		"sync.normal.sku.1":          now.Add(-time.Minute),
		"nonsense":                   now.Add(-time.Minute),
	}
	for subject, last := range letters {
		r.putLetter(subject, last)
	}
	poll.Until(t, "the letters are stored", func() bool {
		last, err := r.conn.LastDeadLetter(t.Context())
		return err == nil && last == uint64(len(letters))
	})
	h := audit.NewHealer(audit.HealerConfig{
		Catalog: func() *catalog.Catalog { return r.catalog }, Records: r.store, DeadLetters: r.conn, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := h.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for l, err := range r.conn.DeadLetters(t.Context(), "failed.>") {
		if err != nil {
			t.Fatal(err)
		}
		left[l.Subject] = true
	}
	for subject := range letters {
		healed := subject == "change.normal.sku.price.1" || subject == "change.normal.sku.all.1" || subject == "sync.normal.sku.1"
		if left[subject] == healed {
			t.Errorf("%s: left %t, healed %t", subject, left[subject], healed)
		}
	}
}

// putLetter stores a dead letter written at the given time.
func (r *room) putLetter(subject string, last time.Time) {
	r.Helper()
	to := item.FailedUnknown("heterog", subject)
	if change, err := item.ParseChange(subject); err == nil {
		to = item.FailedSubject("heterog", change)
	}
	body, err := json.Marshal(bus.DeadLetter{Subject: subject, Stage: "heterog", Reason: "refused", Attempts: 3, First: last, Last: last})
	if err == nil {
		err = r.conn.Broadcast(to, body)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// build marks an entity's blobs as folded from its records.
func (r *room) build(id string) {
	r.Helper()
	states, err := r.store.States(r.Context(), []item.Entity{priceKey(id).Entity})
	if err != nil {
		r.Fatal(err)
	}
	blob := r.catalog.Kinds["sku"].Blobs[0]
	err = r.store.MarkBuilt(r.Context(), []kv.Built{{
		Entity: priceKey(id).Entity, Gens: map[string]uint64{blob.Name: states[0].Gen(blob.Dimensions())}, Shapes: map[string]uint32{blob.Name: blob.Shape},
	}})
	if err != nil {
		r.Fatal(err)
	}
}
