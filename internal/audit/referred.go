package audit

import (
	"context"
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// referredMax limits how many entities one pass remembers as looked at.
const referredMax = 200_000

// referredCheck finds entities that records refer to and that have no records of their own. Workers announce them with
// each put; this finds those whose announcement, or its result, was lost.
type referredCheck struct {
	*Sweeper
	seen map[item.Entity]bool // these have records, or were already reported as missing
}

// Referred looks at all entities, and announces those that they refer to and that have no records.
func (s *Sweeper) Referred(ctx context.Context) (missing int, err error) {
	l := s.newReferredCheck()
	err = s.each(ctx, func(entities []item.Entity) error {
		n, err := l.page(ctx, entities)
		missing += n
		return err
	})
	return missing, err
}

func (s *Sweeper) newReferredCheck() *referredCheck {
	return &referredCheck{s, map[item.Entity]bool{}}
}

// page looks at some entities. An entity for which a change waits in a queue is not missing.
func (l *referredCheck) page(ctx context.Context, entities []item.Entity) (missing int, err error) {
	targets, err := l.targets(ctx, entities)
	if err != nil || len(targets) == 0 {
		return 0, err
	}
	states, err := l.Records.States(ctx, targets)
	if err != nil {
		return 0, fmt.Errorf("read states of referred entities: %w", err)
	}
	var absent []item.Change
	for i, e := range targets {
		if len(states[i].Gens) == 0 {
			absent = append(absent, item.Change{Lane: item.Refresh, Entity: e, Dimension: item.All})
		}
	}
	waiting, err := l.Bus.Waiting(ctx, absent)
	if err != nil {
		return 0, fmt.Errorf("look for referred entities in the queues: %w", err)
	}
	var lost []item.Change
	for i, c := range absent {
		if !waiting[i] {
			lost = append(lost, c)
		}
	}
	if l.DryRun || len(lost) == 0 {
		return len(lost), nil
	}
	l.Log.Warn("referred entities have no records", "entities", len(lost), "first", lost[0].Entity.String())
	if err := l.Bus.PublishChanges(ctx, lost, bus.PublishOptions{}); err != nil {
		return 0, fmt.Errorf("announce referred entities: %w", err)
	}
	l.repaired("referred", len(lost))
	return len(lost), nil
}

// targets lists what entities refer to, except what this pass has looked at before.
func (l *referredCheck) targets(ctx context.Context, entities []item.Entity) (targets []item.Entity, err error) {
	states, err := l.Records.States(ctx, entities)
	if err != nil {
		return nil, fmt.Errorf("read states: %w", err)
	}
	if len(l.seen) > referredMax {
		clear(l.seen)
	}
	for i, e := range entities {
		kind, err := l.Catalog().Kind(e.Kind)
		if err != nil {
			continue
		}
		if len(states[i].Gens) > 0 {
			l.seen[e] = true
		}
		for _, refs := range states[i].Wanted {
			for name, ref := range refs {
				declared, err := kind.Ref(name)
				if err != nil {
					continue // a kind of an older catalog
				}
				for _, id := range ref.IDs {
					target := item.Entity{Kind: declared.Kind.Name, ID: id}
					if !l.seen[target] {
						l.seen[target] = true
						targets = append(targets, target)
					}
				}
			}
		}
	}
	return targets, nil
}
