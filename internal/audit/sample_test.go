package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/item"
)

func TestSampleFindsUnannouncedChanges(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sell(1, ids(10)...)
	r.put(1, ids(10)...)
	r.sell(2, "sku0003", "sku0007")
	if diff := cmp.Diff(audit.Sampled{Checked: 10, Stale: 2, Repaired: 2}, r.sample(100)); diff != "" {
		t.Error(diff)
	}
	waits, err := r.conn.Waiting(t.Context(), []item.Change{{Entity: priceKey("sku0003").Entity, Dimension: "price"}, {Entity: priceKey("sku0004").Entity, Dimension: "price"}})
	if diff := cmp.Diff([]bool{true, false}, waits); diff != "" || err != nil {
		t.Error("announced:", err, diff)
	}
}

// TestARefusedAnswerIsSilence proves that an upstream that answers 200 with an error text says nothing about any record.
func TestARefusedAnswerIsSilence(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sell(1, ids(20)...)
	r.put(1, ids(20)...)
	r.breakDown(true)
	got := r.sample(100)
	if diff := cmp.Diff(audit.Sampled{Silent: 20}, got); diff != "" {
		t.Error(diff)
	}
	if got.Bound() != 1 {
		t.Errorf("nothing is known to be right, and the bound is %f", got.Bound())
	}
}

// TestARecordWithAWaitingChangeIsNotStale proves that a record whose change is still queued does not count as stale, which would be a
// false alarm.
func TestARecordWithAWaitingChangeIsNotStale(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.put(1, ids(4)...)
	r.sell(2, ids(4)...)
	announce := func(lane item.Lane, id, dimension string) {
		t.Helper()
		change := item.Change{Lane: lane, Entity: priceKey(id).Entity, Dimension: dimension}
		if err := r.conn.PublishChanges(t.Context(), []item.Change{change}, bus.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	announce(item.High, "sku0000", "price")
	announce(item.Refresh, "sku0001", item.All)
	announce(item.Normal, "sku0002", "status") // of another dimension
	if diff := cmp.Diff(audit.Sampled{Checked: 4, Waiting: 2, Stale: 2, Repaired: 2}, r.sample(100)); diff != "" {
		t.Error(diff)
	}
}

func TestARecordWhoseChangeComesAMomentLaterIsNotStale(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.put(1, ids(1)...)
	r.sell(2, ids(1)...)
	late := &lateOwner{Fetcher: r.client, once: func() { r.put(2, ids(1)...) }} // the change is made, announced and handled during the request
	s := r.sweeper()
	s.Upstream = late
	got, err := s.Sample(t.Context(), 1)
	if diff := cmp.Diff(audit.Sampled{}, got); diff != "" || err != nil {
		t.Errorf("error %v; the sample differs: %s", err, diff)
	}
}
