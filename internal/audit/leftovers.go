package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Leftover is what the store still has under a name that the catalog in force does not know.
type Leftover struct {
	Kind  string `json:"kind"`
	What  string `json:"what"` // record or blob
	Name  string `json:"name"`
	Count int    `json:"count"` // of entities
}

// Leftovers lists what is left over from earlier catalogs, as the books of the entities tell, by kind and name.
func (s *Sweeper) Leftovers(ctx context.Context) ([]Leftover, error) {
	counts := map[Leftover]int{}
	err := s.each(ctx, func(entities []item.Entity) error {
		states, away := s.Records.States(ctx, entities)
		errs := kv.ItemErrors(away, len(entities))
		for i, e := range entities {
			if errs[i] == nil {
				for _, l := range leftOf(s.Catalog(), e.Kind, states[i]) {
					counts[l]++
				}
			}
		}
		return away
	})
	found := []Leftover{}
	for l, n := range counts {
		l.Count = n
		found = append(found, l)
	}
	slices.SortFunc(found, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.What, a.What), cmp.Compare(a.Name, b.Name))
	})
	return found, err
}

// leftOf are the leftovers of one entity.
func leftOf(cat *catalog.Catalog, kindName string, s kv.State) (left []Leftover) {
	kind, err := cat.Kind(kindName)
	if errors.Is(err, item.ErrUnknown) {
		kind = &catalog.Kind{Name: kindName}
	}
	for name := range s.Gens {
		if _, err := kind.Dimension(name); err != nil {
			left = append(left, Leftover{Kind: kindName, What: "record", Name: name})
		}
	}
	for name := range s.Built {
		if _, err := kind.Blob(name); err != nil {
			left = append(left, Leftover{Kind: kindName, What: "blob", Name: name})
		}
	}
	return left
}
