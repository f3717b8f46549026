package control

import (
	"context"
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
)

// Lapsed lists the dimensions of the catalog in force, as "kind.dimension", that some revision from since on did not
// have, and gives the newest revision. Changes of such a dimension were lost meanwhile, but its stored records have the
// right shape: after a dimension was removed and the removal rolled back, the catalog looks as if it had never changed.
// If the bucket does not reach back to since, all dimensions are listed. If since is 0, or of a bucket that was created
// again, none is.
func (f *Follower) Lapsed(ctx context.Context, since uint64) (lapsed map[string]bool, newest uint64, err error) {
	history, err := f.bucket.History(ctx, CatalogKey)
	if err != nil {
		return nil, 0, fmt.Errorf("read which catalogs were in force: %w", err)
	}
	now := f.Catalog()
	if now == nil || len(history) == 0 {
		return nil, 0, nil
	}
	newest = history[len(history)-1].Revision
	if since > newest {
		since = 0
	}
	lapsed = map[string]bool{}
	if since > 0 && history[0].Revision > since {
		addLapsed(lapsed, now, &catalog.Catalog{})
	}
	for _, e := range history {
		if e.Revision < since || e.Deleted {
			continue
		}
		if was, err := f.parseOld(e); err == nil { // one that does not compile was never in force
			addLapsed(lapsed, now, was)
		}
	}
	return lapsed, newest, nil
}

func (f *Follower) parseOld(e bus.Entry) (*catalog.Catalog, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parse(e)
}

// addLapsed adds the dimensions that now has and was has not.
func addLapsed(lapsed map[string]bool, now, was *catalog.Catalog) {
	for _, kind := range now.Kinds {
		for _, d := range kind.Dimensions {
			old := was.Kinds[kind.Name]
			if old == nil {
				lapsed[kind.Name+"."+d.Name] = true
			} else if _, err := old.Dimension(d.Name); err != nil {
				lapsed[kind.Name+"."+d.Name] = true
			}
		}
	}
}
