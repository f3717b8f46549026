package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/url"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/node"
	"vitrine/internal/refresh"
)

// storeUnasked says that what the store has besides the lists was not announced.
type storeUnasked struct{ err error }

func (s *storeUnasked) Error() string {
	return "what the store has besides was not announced: articles that are no longer listed, and kinds without a list, stay as they are. Give --admin or --redis. " + s.err.Error()
}

// everything announces what the upstreams list, and what the store has besides. A list that fails does not hold up the
// others. The answer is a *storeUnasked where the lists alone were announced.
func (r *refreshCommand) everything(ctx context.Context, cat *catalog.Catalog, a *refresh.Announcer, log *slog.Logger) error {
	kinds := cat.Kinds
	if r.Kind != "" {
		kind, err := cat.Kind(r.Kind)
		if err != nil {
			return err
		}
		kinds = map[string]*catalog.Kind{kind.Name: kind}
	}
	var failed []error
	lists := 0
	for _, name := range sortedKinds(cat) {
		if kind := kinds[name]; kind != nil && kind.List != nil {
			lists++
			failed = append(failed, a.List(ctx, kind))
		}
	}
	err := r.stored(ctx, kinds, a, log)
	var unasked *storeUnasked
	if lists == 0 && errors.As(err, &unasked) {
		return unasked.err // nothing at all was announced
	}
	if failed := errors.Join(failed...); failed != nil {
		return errors.Join(failed, err)
	}
	return err
}

// stored announces what the store has of some kinds and was not announced yet.
func (r *refreshCommand) stored(ctx context.Context, kinds map[string]*catalog.Kind, a *refresh.Announcer, log *slog.Logger) error {
	scan, done, err := r.scanner(ctx, log)
	if err != nil {
		return err
	}
	defer done()
	end := a.FromStore()
	defer end()
	for cursor := ""; ; {
		entities, next, err := scan(ctx, cursor)
		if err != nil {
			return &storeUnasked{err}
		}
		byKind := map[string][]item.Entity{}
		for _, e := range entities {
			byKind[e.Kind] = append(byKind[e.Kind], e)
		}
		for name, kind := range kinds {
			if err := a.Entities(ctx, kind, byKind[name]); err != nil {
				return err
			}
		}
		cursor = next
		if cursor == "" {
			return nil
		}
	}
}

// scanner gives the pages of the store of records: from Redis, or through the admin listener.
func (r *refreshCommand) scanner(ctx context.Context, log *slog.Logger) (scan func(ctx context.Context, cursor string) ([]item.Entity, string, error), done func(), err error) {
	if r.Redis == "" {
		return r.scanAdmin, func() {}, nil
	}
	store, err := rediskv.Open(ctx, rediskv.Config{URL: r.Redis, Log: log})
	if err != nil {
		return nil, nil, usageError{err}
	}
	scan = func(ctx context.Context, cursor string) ([]item.Entity, string, error) {
		return store.ScanEntities(ctx, cursor, 5000)
	}
	return scan, func() {
		if err := store.Close(); err != nil {
			log.Debug("close the store", "error", err)
		}
	}, nil
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
