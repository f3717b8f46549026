package control

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/catalog"
)

// Eras reads from the bucket which catalogs were in force and when, as far back as its history goes, oldest first. The
// last one is the head. now is NATS's time, like all times here.
func (f *Follower) Eras(ctx context.Context) (eras []catalog.Era, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	now, err = f.bucket.Now(ctx)
	if err != nil {
		return nil, now, fmt.Errorf("read which catalogs were in force: %w", err)
	}
	history, err := f.bucket.History(ctx, CatalogKey)
	if err != nil {
		return nil, now, fmt.Errorf("read which catalogs were in force: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range history {
		if e.Deleted {
			continue // the previous one stays in force
		}
		if len(eras) > 0 {
			eras[len(eras)-1].Until = e.Created
		}
		era := catalog.Era{Revision: e.Revision, From: e.Created}
		if c, err := f.parse(e); err == nil {
			era.Catalog = c
		}
		eras = append(eras, era)
	}
	return eras, now, nil
}
