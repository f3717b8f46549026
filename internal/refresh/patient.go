package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/lineage"
	"vitrine/internal/pause"
	"vitrine/internal/upstream"
)

// A page of a list that an upstream does not give now is requested again after firstPause, and after pauses twice as long each, for
// patience in all. A secret that must not be sent is no reason to wait: somebody has to allow it.
const (
	firstPause = 500 * time.Millisecond
	patience   = 30 * time.Second
)

// patient is a Lister that requests a page again while the upstream is unavailable, so that a walk of many pages does not end because one
// answer was late.
type patient struct {
	lineage.Lister
	progress func(string)
}

// List fails as the Lister does, and with ctx's error.
func (p patient) List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error) {
	wait := firstPause
	for end := time.Now().Add(patience); ; wait *= 2 {
		ids, next, err = p.Lister.List(ctx, l, cursor)
		if !errors.Is(err, item.ErrUnavailable) || errors.Is(err, upstream.ErrSecret) || time.Now().Add(wait).After(end) {
			return ids, next, err
		}
		p.progress(fmt.Sprintf("asked again in %s: %v", wait, err))
		if err := pause.For(ctx, wait); err != nil {
			return nil, "", err
		}
	}
}
