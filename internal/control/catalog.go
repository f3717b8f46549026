package control

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"vitrine/internal/bus"
)

// PushCatalog puts src in force, unless it is in force already, and returns its revision.
func PushCatalog(ctx context.Context, conn *bus.Conn, src []byte) (uint64, error) {
	bucket := conn.Bucket(CatalogBucket)
	if now, err := bucket.Get(ctx, CatalogKey); err == nil && bytes.Equal(now.Value, src) {
		return now.Revision, nil
	}
	revision, err := bucket.Push(ctx, CatalogKey, src)
	if err != nil {
		return 0, fmt.Errorf("push the catalog: %w", err)
	}
	return revision, nil
}

// SpreadCatalog is PushCatalog, and waits until every process that is present has the catalog in force, or the time is
// over.
func SpreadCatalog(ctx context.Context, conn *bus.Conn, src []byte, wait time.Duration) (Spread, error) {
	now, err := conn.Bucket(CatalogBucket).Get(ctx, CatalogKey)
	return spread{
		conn: conn, bucket: CatalogBucket, key: CatalogKey, value: src, wait: wait, standing: err == nil && bytes.Equal(now.Value, src),
		expects: func(Member) bool { return true },
		put:     func(ctx context.Context) (uint64, error) { return PushCatalog(ctx, conn, src) },
	}.run(ctx)
}
