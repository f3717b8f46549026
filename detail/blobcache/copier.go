package blobcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// copier does the work of a Mirror, in the one goroutine of Run. Keys that it could not copy stay with it, so that a failure loses
// nothing.
type copier struct {
	mirror   *Mirror
	config   MirrorConfig  // the mirror's
	restart  bool          // the next step reads from meta whether a full copy is due or under way
	keys     []kv.BlobKey  // announced and not copied yet
	position []byte        // to be saved once keys is empty; nil for none
	all      bool          // a full copy is under way
	cursor   string        // of the full copy
	delay    time.Duration // before the next step
}

// step copies one batch: of announced blobs if there are any, else of a full copy. more reports whether another step is due.
func (c *copier) step(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*c.config.Timeout)
	defer cancel()
	if c.restart {
		if err := c.resume(ctx); err != nil {
			return true, err
		}
		c.restart = false
	}
	if len(c.keys) == 0 {
		if err := c.refill(ctx); err != nil {
			return true, err
		}
	}
	switch {
	case len(c.keys) > 0:
		return true, c.copyAnnounced(ctx)
	case c.position != nil:
		return true, c.savePosition(ctx)
	case c.all:
		return true, c.copyMore(ctx)
	}
	return false, nil
}

// resume reads from meta what a full copy before this start left to do.
func (c *copier) resume(ctx context.Context) error {
	copied, err := c.config.To.Meta(ctx, metaCopied)
	if err != nil {
		return fmt.Errorf("mirror: read meta: %w", err)
	}
	cursor, err := c.config.To.Meta(ctx, metaCursor)
	if err != nil {
		return fmt.Errorf("mirror: read meta: %w", err)
	}
	c.all, c.cursor = len(copied) == 0, string(cursor)
	return nil
}

// refill takes over what was announced since. A new full copy first removes from meta that one was ever finished: after a crash it begins
// again.
func (c *copier) refill(ctx context.Context) error {
	keys, position, all := c.mirror.drain()
	c.keys = keys
	if position != nil {
		c.position = position
	}
	if !all {
		return nil
	}
	c.all, c.cursor = true, ""
	if err := c.setMeta(ctx, metaCopied, nil); err != nil {
		c.mirror.Gap()
		return err
	}
	return c.setMeta(ctx, metaCursor, nil)
}

func (c *copier) copyAnnounced(ctx context.Context) error {
	batch := c.keys[:min(len(c.keys), c.config.Batch)]
	if err := c.copy(ctx, batch); err != nil {
		return err
	}
	c.keys = c.keys[len(batch):]
	return nil
}

// savePosition saves the position of the announcements that are copied. It is called once no key is left. A full copy may still be under
// way then; metaCopied says so.
func (c *copier) savePosition(ctx context.Context) error {
	if err := c.setMeta(ctx, metaPosition, c.position); err != nil {
		return err
	}
	c.position = nil
	return nil
}

// copyMore copies the next batch of a full copy.
func (c *copier) copyMore(ctx context.Context) error {
	keys, next, err := c.config.From.ScanBlobs(ctx, c.cursor, c.config.Batch)
	if errors.Is(err, item.ErrRefused) && c.cursor != "" { // a cursor of another version, or of another store
		c.cursor = ""
		return c.setMeta(ctx, metaCursor, nil)
	}
	if err != nil {
		return fmt.Errorf("mirror: scan: %w", err)
	}
	for part := range slices.Chunk(keys, c.config.Batch) { // a store may list more than it was asked for
		if err := c.copy(ctx, part); err != nil {
			return err
		}
	}
	c.cursor = next
	if err := c.setMeta(ctx, metaCursor, []byte(next)); err != nil {
		return err
	}
	if next != "" {
		return nil
	}
	if err := c.setMeta(ctx, metaCopied, []byte("1")); err != nil {
		return err
	}
	c.all = false
	c.config.Log.Info("mirror holds all blobs")
	return nil
}

// copy copies one batch, and sets the delay that keeps to the rate. A blob that is absent, rootless or damaged in the source stays as it is in the
// file: an older copy is better than none.
func (c *copier) copy(ctx context.Context, keys []kv.BlobKey) error {
	start := time.Now()
	blobs, readErr := c.config.From.Blobs(ctx, keys)
	if readErr == nil && len(blobs) != len(keys) {
		return fmt.Errorf("mirror: read: %w: %d blobs for %d keys", item.ErrDamaged, len(blobs), len(keys))
	}
	var puts []kv.BlobPut
	for i, b := range blobs {
		if b.Existence != kv.Absent && !b.Damaged && !b.Rootless() {
			puts = append(puts, kv.BlobPut{BlobKey: keys[i], Value: b.Value})
		}
	}
	if len(puts) > 0 {
		if _, err := c.config.To.PutBlobs(ctx, puts); err != nil {
			return fmt.Errorf("mirror: write: %w", err)
		}
	}
	if readErr != nil { // for some of the keys, or for all
		return fmt.Errorf("mirror: read: %w", readErr)
	}
	c.delay += max(0, time.Duration(len(keys))*time.Second/time.Duration(c.config.Rate)-time.Since(start))
	return nil
}

func (c *copier) setMeta(ctx context.Context, name string, value []byte) error {
	if err := c.config.To.SetMeta(ctx, name, value); err != nil {
		return fmt.Errorf("mirror: write meta %s: %w", name, err)
	}
	return nil
}
