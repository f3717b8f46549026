package leftovers

import (
	"cmp"
	"context"
	"errors"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

// relations looks at a page of lists.
func (p *pass) relations(ctx context.Context, cursor string) (next string, err error) {
	if p.remove {
		if err := p.confirm(ctx); err != nil {
			return "", err
		}
	}
	kinds := map[string]bool{}
	removed, next, away := p.Records.RemoveLists(ctx, cursor, p.Page, func(l kv.Relation) bool {
		at, left := p.goes(listName(l), p.keep)
		if left {
			p.list(l)
		}
		due := left && p.remove && !at.After(p.now) && !p.referred[Name{Kind: l.Kind, What: List, Name: l.Ref}]
		if due {
			kinds[l.Kind] = true
		}
		return due
	})
	p.report(List, removed)
	if len(kinds) == 0 {
		return next, away
	}
	if err := p.confirm(ctx); errors.Is(err, errMoved) {
		p.Log.Warn("another catalog came into force while lists of the relation index were removed; all entities of their kinds are put into their lists again")
		return "", cmp.Or(p.relist(ctx, kinds), err)
	}
	return next, away
}

// list counts a leftover list, which has a key for each of its parts.
func (p *pass) list(l kv.Relation) {
	n := listName(l)
	if p.lists[n] == nil {
		p.lists[n] = map[item.Entity]bool{}
	}
	p.lists[n][l.Target] = true
	p.found[n] = len(p.lists[n])
}

// relist has every entity of some kinds put into all its lists again.
func (p *pass) relist(ctx context.Context, kinds map[string]bool) error {
	for cursor := ""; ; {
		entities, next, err := p.Records.ScanEntities(ctx, cursor, p.Page)
		if err != nil && next == "" {
			return err
		}
		var syncs []item.Change
		for _, e := range entities {
			if kinds[e.Kind] {
				syncs = append(syncs, item.Change{Lane: item.Refresh, Entity: e})
			}
		}
		if err := p.Bus.PublishSyncs(ctx, syncs); err != nil {
			return err
		}
		cursor = next
		if cursor == "" {
			return nil
		}
		if err := pause.For(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}
