package heterog_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
)

// TestAWorkerThatDiesBeforeItAnnouncesRefs proves that the brand is announced when the change is delivered again, to
// another worker, although the answer then equals the record.
func TestAWorkerThatDiesBeforeItAnnouncesRefs(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"v":7,"title":"A","brand_id":5}`)
	b.line.lost = errors.New("the worker dies here")
	b.handle(change(item.Normal, "product", "1"))
	if b.record("product", "1").Version != "" {
		b.line.lost = nil
		b.line.changes = nil
	}
	b.patient(0)
	b.must(change(item.Normal, "product", "1"))
	if diff := cmp.Diff([]string{"change.refresh.brand.all.5"}, b.line.changes); diff != "" {
		t.Errorf("announced by the second worker:\n%s", diff)
	}
}

// TestRefsThatAreNotAnnouncedAreNotAcknowledged proves that a change is not acknowledged while its refs could not be
// announced, and that the others of the batch are.
func TestRefsThatAreNotAnnouncedAreNotAcknowledged(t *testing.T) {
	b := newBench(t)
	b.upstream.say("1", `{"v":7,"title":"A","brand_id":5}`)
	b.upstream.say("2", `{"v":7,"title":"B"}`)
	b.line.lost = item.ErrUnavailable
	errs := b.handle(change(item.Normal, "product", "1"), change(item.Normal, "product", "2"))
	if !errors.Is(errs[0], item.ErrOwn) || errs[1] != nil {
		t.Errorf("errors are %v, want one of our own queue and none", errs)
	}
	b.line.lost = nil
	b.line.changes = nil
	b.must(change(item.Normal, "product", "1"))
	if diff := cmp.Diff([]string{"change.refresh.brand.all.5"}, b.line.changes); diff != "" {
		t.Errorf("announced afterwards:\n%s", diff)
	}
}

// TestFlushedRecordsAreAnnouncedAgain proves that a brand is announced once for many products, and again after the
// store has lost something.
func TestFlushedRecordsAreAnnouncedAgain(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		id, life string
		want     []string
	}{
		{"1", "", []string{"change.refresh.brand.all.5"}},
		{"2", "", nil},
		{"3", "after the flush", []string{"change.refresh.brand.all.5"}},
		{"4", "after the flush", nil},
	} {
		b.upstream.say(c.id, `{"v":7,"title":"A","brand_id":5}`)
		b.life = c.life
		b.line.changes = nil
		b.must(change(item.Normal, "product", c.id))
		if diff := cmp.Diff(c.want, b.line.changes); diff != "" {
			t.Errorf("announced with product %s:\n%s", c.id, diff)
		}
	}
}
