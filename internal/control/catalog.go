package control

import (
	"bytes"
	"context"
	"fmt"

	"vitrine/internal/bus"
)

// PushCatalog puts src in force, unless it is what stands there already, and returns its revision.
func PushCatalog(ctx context.Context, conn *bus.Conn, src []byte) (uint64, error) {
	bucket := conn.Bucket(CatalogBucket)
	if now, err := bucket.Get(ctx, CatalogKey); err == nil && bytes.Equal(now.Value, src) {
		return now.Revision, nil
	}
	revision, err := bucket.Put(ctx, CatalogKey, src)
	if err != nil {
		return 0, fmt.Errorf("push the catalog: %w", err)
	}
	return revision, nil
}
