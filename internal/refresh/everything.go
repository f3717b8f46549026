package refresh

import (
	"context"
	"errors"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// Scan reads a page of the entities that the store of records has. cursor is "" at first; next is "" at the end.
type Scan func(ctx context.Context, cursor string) (entities []item.Entity, next string, err error)

// OpenScan opens the store of records. The caller calls done when it has scanned.
type OpenScan func(ctx context.Context) (scan Scan, done func(), err error)

// StoreUnasked is the error where only the lists were announced, and not what the store has besides.
type StoreUnasked struct{ err error }

func (s *StoreUnasked) Error() string {
	return "what the store has besides was not announced: articles that are no longer listed, and kinds without a list, stay as they are. Give --admin or --redis. " + s.err.Error()
}

// Everything announces all entities of kinds: what the upstreams list, and then what the store has besides. A list that
// fails does not hold up the others. The error is a *StoreUnasked where the lists alone were announced; it is what open
// or a list has said where these fail.
func (a *Announcer) Everything(ctx context.Context, kinds []*catalog.Kind, open OpenScan) error {
	var failed []error
	lists := 0
	for _, kind := range kinds {
		if kind.List != nil {
			lists++
			failed = append(failed, a.List(ctx, kind))
		}
	}
	err := a.stored(ctx, kinds, open)
	var unasked *StoreUnasked
	if lists == 0 && errors.As(err, &unasked) {
		return unasked.err // nothing at all was announced
	}
	if failed := errors.Join(failed...); failed != nil {
		return errors.Join(failed, err)
	}
	return err
}

// stored announces what the store has of some kinds and was not announced yet.
func (a *Announcer) stored(ctx context.Context, kinds []*catalog.Kind, open OpenScan) error {
	scan, done, err := open(ctx)
	if err != nil {
		return err
	}
	defer done()
	listed := a.done.Entities
	defer func() { a.done.Stored = a.done.Entities - listed }()
	for cursor := ""; ; {
		entities, next, err := scan(ctx, cursor)
		if err != nil {
			return &StoreUnasked{err}
		}
		byKind := map[string][]item.Entity{}
		for _, e := range entities {
			byKind[e.Kind] = append(byKind[e.Kind], e)
		}
		for _, kind := range kinds {
			if err := a.Entities(ctx, kind, byKind[kind.Name]); err != nil {
				return err
			}
		}
		cursor = next
		if cursor == "" {
			return nil
		}
	}
}
