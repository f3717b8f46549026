package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/pause"
)

const (
	restoreRetry = time.Second // doubled after each failure, up to
	restoreMost  = 30 * time.Second
)

// restore calls putBack whenever lost holds a mark, and again while that fails, until ctx ends. Only the running
// processes still have what a lost bucket held, and one that starts could not get it.
func restore(ctx context.Context, what string, lost <-chan struct{}, log *slog.Logger, putBack func(context.Context) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-lost:
		}
		for wait := restoreRetry; ; wait = min(2*wait, restoreMost) {
			err := putBack(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			log.Error(what+" in NATS can't be put back; trying again", "error", err)
			if pause.For(ctx, wait) != nil {
				return nil
			}
		}
	}
}

// PutBack writes what the bucket has lost, unless another process has: the addresses of served files, and the catalog
// in force. A process behind the head has nothing to put back.
func (f *Follower) PutBack(ctx context.Context) error {
	f.mu.Lock()
	source := f.source
	serve, err := json.Marshal(f.serve)
	f.mu.Unlock()
	if err != nil || len(source.Value) == 0 || f.Behind() {
		return err
	}
	if _, err := f.bucket.Get(ctx, CatalogKey); !errors.Is(err, bus.ErrNoEntry) {
		return err
	}
	_, err = f.bucket.Create(ctx, ServeKey, serve)
	if err == nil || errors.Is(err, item.ErrChanged) {
		err = f.putSourceBack(ctx, source)
	}
	if err != nil && !errors.Is(err, item.ErrChanged) {
		return fmt.Errorf("put the catalog's bucket back: %w", err)
	}
	f.log.Info("the catalog in force was put back into NATS")
	return nil
}

// putSourceBack writes the catalog with the time of its push: what was pushed later in another room is newer.
func (f *Follower) putSourceBack(ctx context.Context, source bus.Entry) (err error) {
	source.Key = CatalogKey
	if source.Pushed.IsZero() { // a process of an earlier version has kept it
		_, err = f.bucket.Create(ctx, source.Key, source.Value)
	} else {
		_, err = f.bucket.Carry(ctx, source)
	}
	return err
}
