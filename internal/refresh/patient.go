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
// patience in all, and so is NATS, whose servers elect new leaders when one is lost. A secret that must not be sent is no reason to wait:
// somebody has to allow it.
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
	err = again(ctx, p.progress, func() (err error) {
		ids, next, err = p.Lister.List(ctx, l, cursor)
		return err
	})
	return ids, next, err
}

// again calls f until it does not fail with item.ErrUnavailable, or patience is over.
func again(ctx context.Context, progress func(string), f func() error) error {
	wait := firstPause
	for end := time.Now().Add(patience); ; wait *= 2 {
		err := f()
		if !errors.Is(err, item.ErrUnavailable) || errors.Is(err, upstream.ErrSecret) || time.Now().Add(wait).After(end) {
			return err
		}
		progress(fmt.Sprintf("asked again in %s: %v", wait, err))
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
	}
}

func silent(string) {}
