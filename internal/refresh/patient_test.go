package refresh

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// busyLister fails its first calls.
type busyLister struct {
	fails, calls int
	with         error
}

func (b *busyLister) List(context.Context, *catalog.List, string) ([]string, string, error) {
	b.calls++
	if b.calls <= b.fails {
		return nil, "", b.with
	}
	return []string{"1"}, "", nil
}

// TestAListIsAskedAgain proves that a walk survives an upstream that is unavailable for a while, but not one that is
// unavailable for long, or one that refuses.
func TestAListIsAskedAgain(t *testing.T) {
	down := fmt.Errorf("list: %w", item.ErrUnavailable)
	for name, c := range map[string]struct {
		fails, calls int
		with, want   error
	}{
		"at once":    {0, 1, nil, nil},
		"a while":    {3, 4, down, nil},
		"for long":   {1000, 6, down, item.ErrUnavailable},
		"a secret":   {1, 1, fmt.Errorf("%w: %w", item.ErrUnavailable, upstream.ErrSecret), upstream.ErrSecret},
		"it refuses": {1, 1, item.ErrRefused, item.ErrRefused},
		"called off": {1, 1, context.Canceled, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lister, began := &busyLister{fails: c.fails, with: c.with}, time.Now()
				ids, _, err := patient{lister, func(string) {}}.List(t.Context(), nil, "")
				if !errors.Is(err, c.want) || err == nil && len(ids) != 1 || lister.calls != c.calls {
					t.Errorf("%q, %v after %d calls, want %v after %d", ids, err, lister.calls, c.want, c.calls)
				}
				if took := time.Since(began); took > patience {
					t.Errorf("it takes %s", took)
				}
			})
		})
	}
}
