package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/jsonl"
	"vitrine/internal/kv"
)

// followRows announces the rows of a served file that were rewritten, at the start those rewritten since an earlier
// process last announced any; --dir stores which were announced. A new folder has no such list: if the store has data,
// every row is announced.
func (n *process) followRows(ctx context.Context, table *jsonl.Table) error {
	if err := n.catalog.Wait(ctx); err != nil {
		return nil
	}
	folder := filepath.Join(n.dir, "served")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for the lists of notified rows: %w", err)
	}
	if !table.Remember(filepath.Join(folder, table.Name()+".notified")) {
		if empty, err := kv.IsEmpty(ctx, n.records); err != nil || !empty {
			table.NotifyAll()
		}
	}
	return table.Watch(ctx, func(ids []string) error { return n.notify(ctx, table.Name(), ids) })
}

// notify announces changed rows for every dimension that they feed, as any upstream would.
func (n *process) notify(ctx context.Context, name string, ids []string) error {
	var changes []item.Change
	for _, kind := range n.catalog.Catalog().Kinds {
		for _, d := range kind.Dimensions {
			if d.From.Serve != name {
				continue
			}
			for _, id := range ids {
				e, err := item.NewEntity(kind.Name, id)
				if err != nil {
					n.log.Warn("a row's id can't be an entity's", "file", name, "error", err)
					continue
				}
				changes = append(changes, item.Change{Lane: item.Normal, Entity: e, Dimension: d.Name})
			}
		}
	}
	return n.bus.PublishChanges(ctx, changes, bus.PublishOptions{Event: time.Now(), Everywhere: true})
}
