package detail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// particular refuses cursors that it did not give.
type particular struct{ *memory }

func (p particular) ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	if strings.HasPrefix(cursor, "other:") {
		return nil, "", fmt.Errorf("%w: %q is no cursor", item.ErrRefused, cursor)
	}
	return p.memory.ScanBlobs(ctx, cursor, limit)
}

func TestMirrorBeginsAnewWhereItsCursorIsRefused(t *testing.T) {
	from, to := newMemory(), newMemory()
	for i := range 30 {
		from.put(fmt.Sprintf("sku:%d", i), "item", 5, lamp)
	}
	to.meta["mirror-cursor"] = []byte("other:7")
	mirror(t, from, to, func(c *detail.MirrorConfig) { c.From = particular{from} })
	eventually(t, "all are copied", func() bool { return to.count() == 30 })
}
