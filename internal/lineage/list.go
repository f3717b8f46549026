package lineage

import (
	"context"
	"fmt"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// Listed is one page of an upstream's list.
type Listed struct {
	Entities []item.Entity
	Refused  []string // ids that break the grammar
	Next     string   // the cursor of the next page; "" at the end
}

// EachListed calls f with each page of a kind's list, from a cursor on. Invalid ids are left out of IDs and given in
// Refused.
func EachListed(ctx context.Context, upstream Lister, kind *catalog.Kind, cursor string, f func(Listed) error) error {
	seen := map[string]bool{}
	var before []string
	for {
		ids, next, err := upstream.List(ctx, kind.List, cursor)
		if err != nil {
			return fmt.Errorf("list %s: %w", kind.Name, err)
		}
		if len(ids) > 0 && slices.Equal(ids, before) { // next may count pages for ever
			return fmt.Errorf("list %s: %w: the upstream gave the same page twice; does it read the cursor, %.80q?", kind.Name, item.ErrRefused, cursor)
		}
		before = ids
		page := Listed{Next: next}
		for _, id := range ids {
			e, err := item.NewEntity(kind.Name, id)
			if err != nil {
				page.Refused = append(page.Refused, id)
				continue
			}
			page.Entities = append(page.Entities, e)
		}
		if err := f(page); err != nil || next == "" {
			return err
		}
		if seen[next] {
			return fmt.Errorf("list %s: %w: the upstream gave the cursor %.80q twice", kind.Name, item.ErrRefused, next)
		}
		seen[next] = true
		cursor = next
	}
}
