package kv_test

import (
	"errors"
	"fmt"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func TestPartial(t *testing.T) {
	if err := kv.Partial(make([]error, 3)); err != nil {
		t.Errorf("all items are well: %v", err)
	}
	away := fmt.Errorf("%w: node 2", item.ErrUnavailable)
	err := fmt.Errorf("read: %w", kv.Partial([]error{nil, away, nil}))
	if got := kv.ItemErrors(err, 3); got[0] != nil || got[1] != away || got[2] != nil {
		t.Errorf("items of a partial error: %v", got)
	}
	if !errors.Is(err, item.ErrUnavailable) || err.Error() != "read: 1 of 3 failed, the first: unavailable: node 2" {
		t.Errorf("the batch's error: %v", err)
	}
	for _, whole := range []error{nil, away} {
		for i, got := range kv.ItemErrors(whole, 2) {
			if got != whole {
				t.Errorf("item %d of a batch that ended with %v: %v", i, whole, got)
			}
		}
	}
}
