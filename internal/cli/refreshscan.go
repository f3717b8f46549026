package cli

import (
	"context"
	"log/slog"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/rediskv"
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
func (r *refreshCommand) openScan(conn *bus.Conn, log *slog.Logger) refresh.OpenScan {
	return func(ctx context.Context) (refresh.Scan, func(), error) {
		if r.Redis == "" {
			admin := &ownAdmin{addr: r.Admin, conn: conn}
			return admin.entities, func() {}, nil
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
