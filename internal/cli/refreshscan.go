package cli

import (
	"context"
	"log/slog"
	"net/url"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/node"
	"vitrine/internal/refresh"
)

// kinds lists the kind of --kind, or all kinds, sorted by name.
func (r *refreshCommand) kinds(cat *catalog.Catalog) ([]*catalog.Kind, error) {
	if r.Kind != "" {
		kind, err := cat.Kind(r.Kind)
		return []*catalog.Kind{kind}, err
	}
	var kinds []*catalog.Kind
	for _, name := range sortedKinds(cat) {
		kinds = append(kinds, cat.Kinds[name])
	}
	return kinds, nil
}

// openScan scans the records store of --redis, or through the admin listener.
func (r *refreshCommand) openScan(log *slog.Logger) refresh.OpenScan {
	return func(ctx context.Context) (refresh.Scan, func(), error) {
		if r.Redis == "" {
			return r.scanAdmin, func() {}, nil
		}
		store, err := rediskv.Open(ctx, rediskv.Config{URL: r.Redis, Log: log})
		if err != nil {
			return nil, nil, usageError{err}
		}
		scan := func(ctx context.Context, cursor string) ([]item.Entity, string, error) {
			return store.ScanEntities(ctx, cursor, 5000)
		}
		return scan, func() {
			if err := store.Close(); err != nil {
				log.Debug("close the store", "error", err)
			}
		}, nil
	}
}

func (r *refreshCommand) scanAdmin(ctx context.Context, cursor string) (entities []item.Entity, next string, err error) {
	var page node.StoredPage
	if err := askAdmin(ctx, r.Admin, "/entities?"+url.Values{"cursor": {cursor}}.Encode(), &page); err != nil {
		return nil, "", err
	}
	for _, text := range page.Entities {
		e, err := item.ParseEntity(text)
		if err != nil {
			return nil, "", err
		}
		entities = append(entities, e)
	}
	return entities, page.Next, nil
}
