package app

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"vitrine/heterog"
	"vitrine/internal/audit"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/syncer"
)

// runHeterog consumes changes until ctx ends.
func (n *node) runHeterog(ctx context.Context) error {
	w := heterog.New(heterog.Config{Catalog: n.catalog.Catalog, Store: n.records, Upstream: n.upstream, Bus: n.bus, Log: n.log})
	return n.consume(ctx, bus.ConsumerConfig{
		Stage: "heterog", Stream: "CHANGES", Parse: item.ParseChange, Check: w.Check, Group: w.Group, Handle: w.Handle,
		Place: w.Place, Places: w.Places, Takes: n.upstream.Takes, Open: n.laneOpen,
	})
}

// runSyncer consumes entities to fold, and sweeps, until ctx ends.
func (n *node) runSyncer(ctx context.Context) error {
	f := syncer.New(syncer.Config{Catalog: n.catalog.Catalog, Records: n.records, Blobs: n.blobs, Bus: n.bus, Log: n.log})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return n.consume(ctx, bus.ConsumerConfig{
			Stage: "syncer", Stream: "SYNC", Parse: item.ParseSync, Check: f.Check, Group: f.Group, Handle: f.Handle,
		})
	})
	group.Go(func() error { return n.runSweeper(ctx) })
	group.Go(func() error { return n.trainDictionaries(ctx) })
	return group.Wait()
}

func (n *node) consume(ctx context.Context, cfg bus.ConsumerConfig) error {
	if err := n.catalog.Wait(ctx); err != nil {
		return nil // stopped before there was anything to do
	}
	cfg.Conn, cfg.Log, cfg.Drain = n.bus, n.log, drain
	c, err := bus.NewConsumer(cfg)
	if err != nil {
		return fmt.Errorf("consume %s: %w", cfg.Stream, err)
	}
	return c.Run(ctx)
}

// runSweeper sweeps at a slow pace, and thoroughly once for each new catalog. The revision swept for is
// kept beside the catalog, so that a restart does not sweep again.
func (n *node) runSweeper(ctx context.Context) error {
	if err := n.catalog.Wait(ctx); err != nil {
		return nil
	}
	s := audit.New(n.auditConfig())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(ctx) })
	group.Go(func() error { return n.runAuditors(ctx, s) })
	group.Go(func() error {
		for {
			if err := n.sweepForCatalog(ctx, s); err != nil && ctx.Err() == nil {
				n.log.Warn("sweep for a new catalog broken off", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-n.catalog.changed:
			}
		}
	})
	return group.Wait()
}

func (n *node) sweepForCatalog(ctx context.Context, s *audit.Sweeper) error {
	bucket := n.bus.Bucket(marksBucket)
	revision := strconv.FormatUint(n.catalog.Catalog().Revision, 10)
	swept, err := bucket.Get(ctx, sweptKey)
	if err == nil && string(swept.Value) == revision {
		return nil
	}
	found, err := s.Sweep(ctx, true)
	if err != nil {
		return err
	}
	n.log.Info("swept for the catalog in force", "revision", revision, "entities", found.Entities, "reshaped", found.Reshaped)
	_, err = bucket.Put(ctx, sweptKey, []byte(revision))
	return err
}
