package node

import (
	"context"
	"errors"
	"fmt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/lineage"
	"vitrine/internal/metrics"
)

// stores are the process's stores of records and blobs.
type stores struct {
	records kv.Records
	blobs   kv.Blobs
	store   *boltkv.Shards // set if bbolt holds everything
}

// useRedis opens the stores of a room, which may be one and the same. A process that writes does not start if the
// records store is unsuitable, since it may evict or is too old; one that only reads continues.
func (n *process) useRedis(ctx context.Context, recordsURL, blobsURL string, writes bool) error {
	c := rediskv.Config{URL: recordsURL}
	if writes {
		c.Term = lineage.NewTerm(n.bus.Bucket(MarksBucket)).Newest
	}
	records, err := n.openRedis(ctx, "records", c)
	if err != nil {
		return err
	}
	n.records = records
	n.blobs = records
	switch err := records.Check(ctx); {
	case writes && errors.Is(err, item.ErrRefused):
		return fmt.Errorf("use Redis for records: %w", err)
	case err != nil:
		n.log.Warn("the records store is not as it should be", "error", err)
	}
	if blobsURL != recordsURL {
		n.blobs, err = n.openRedis(ctx, "blobs", rediskv.Config{URL: blobsURL})
	}
	return err
}

// openRedis opens a store, whose name is its label in metrics.
func (n *process) openRedis(ctx context.Context, name string, c rediskv.Config) (*rediskv.Store, error) {
	c.Log = n.log
	s, err := rediskv.Open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open Redis: %w", err)
	}
	n.onClose(s.Close)
	if n.storeMetrics == nil {
		n.storeMetrics = metrics.NewStores(n.metrics)
		n.start(n.storeMetrics.Run)
	}
	n.storeMetrics.Add(name, s.Ping)
	return s, nil
}

// openReplica opens what blobs are only read from. If it is not as it should be, the master answers in its place.
func (n *process) openReplica(ctx context.Context, url string) (*rediskv.Store, error) {
	s, err := n.openRedis(ctx, "replica", rediskv.Config{URL: url, Replicas: true})
	if err != nil {
		return nil, err
	}
	if err := s.Check(ctx); err != nil {
		n.log.Warn("what blobs are read from is not as it should be", "error", err)
	}
	return s, nil
}

// useBolt opens the embedded store for both records and blobs, in so many files.
func (n *process) useBolt(ctx context.Context, shards int) error {
	s, err := boltkv.OpenShards(ctx, n.dir, shards, boltkv.Options{Log: n.log})
	if err != nil {
		return fmt.Errorf("open the embedded store, --store-shards %d: %w", shards, err)
	}
	n.onClose(s.Close)
	n.records = s
	n.blobs = s
	n.store = s
	return nil
}
