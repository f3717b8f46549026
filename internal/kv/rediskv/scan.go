package rediskv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// ScanEntities implements kv.Scanner: it walks the keys gen:* of every master.
func (s *Store) ScanEntities(ctx context.Context, cursor string, limit int) ([]item.Entity, string, error) {
	keys, next, err := s.scan(ctx, "gen:*", cursor, limit)
	if err != nil {
		return nil, next, s.fail("scan entities", err)
	}
	entities := make([]item.Entity, 0, len(keys))
	for _, key := range keys {
		token, ok := cutTag(key, "gen:{")
		e, err := item.ParseToken(strings.TrimSuffix(token, "}"))
		if !ok || err != nil {
			s.log.Warn("a key is not ours", "key", clip(key))
			continue
		}
		entities = append(entities, e)
	}
	return entities, next, nil
}

// ScanBlobs implements kv.BlobScanner: it walks the keys blob:* of every master.
func (s *Store) ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	keys, next, err := s.scan(ctx, "blob:*", cursor, limit)
	if err != nil {
		return nil, next, s.fail("scan blobs", err)
	}
	blobs := make([]kv.BlobKey, 0, len(keys))
	for _, key := range keys {
		rest, ok := cutTag(key, "blob:{")
		token, blob, ok2 := strings.Cut(rest, "}:")
		e, err := item.ParseToken(token)
		err = cmp.Or(err, item.CheckName(blob))
		if !ok || !ok2 || err != nil {
			s.log.Warn("a key is not ours", "key", clip(key))
			continue
		}
		blobs = append(blobs, kv.BlobKey{Entity: e, Blob: blob})
	}
	return blobs, next, nil
}

func cutTag(key, prefix string) (string, bool) { return strings.CutPrefix(key, prefix) }

// clip shortens a key for the log.
func clip(s string) string { return item.Clip(s, 120) }

// scansPerPage is the most SCANs for one page. Among many keys of other kinds a page may be short or empty without
// being the last.
const scansPerPage = 16

// scan reads one page. It walks the masters one after the other. A cursor of Redis is valid only in the process that
// gave it, so our cursor names that process by its run id, and the masters that were walked to their end. A master that
// was restarted, or promoted in between, counts as one that was not walked. An error of a master that is not the last
// comes with the cursor of the next.
func (s *Store) scan(ctx context.Context, match, cursor string, limit int) (keys []string, next string, err error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	at, err := openScan(cursor)
	if err != nil {
		return nil, "", err
	}
	nodes, err := s.masters(ctx, client)
	if err != nil {
		return nil, "", err
	}
	limit = min(max(limit, 1), 10_000)
	for scans := 0; scans < scansPerPage && len(keys) < limit; scans++ {
		i := slices.IndexFunc(nodes, at.left)
		if i < 0 {
			return keys, "", nil
		}
		before := at.String()
		found, err := at.step(ctx, nodes[i], match, limit)
		if err != nil && len(keys) > 0 { // first return what the nodes before gave
			return keys, before, nil
		}
		if err != nil {
			return nil, at.behind(nodes), fmt.Errorf("%s: %w", nodes[i].addr, err)
		}
		keys = append(keys, found...)
	}
	if !slices.ContainsFunc(nodes, at.left) {
		return keys, "", nil
	}
	return keys, at.String(), nil
}

type node struct {
	*redis.Client
	addr string
}

// masters lists the nodes that hold keys, by address; a master that sentinels watch by its name, since its address changes.
func (s *Store) masters(ctx context.Context, c redis.UniversalClient) ([]node, error) {
	cluster, ok := c.(*redis.ClusterClient)
	if !ok {
		single := c.(*redis.Client)
		return []node{{single, cmp.Or(s.address.sentinel.master, single.Options().Addr)}}, nil
	}
	var mu sync.Mutex
	var nodes []node
	err := cluster.ForEachMaster(ctx, func(_ context.Context, m *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node{m, m.Options().Addr})
		return nil
	})
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.addr, b.addr) })
	return nodes, err
}

// eachMaster calls f with every master; cluster reports whether they are a Cluster. It continues after an error, and
// its error names all nodes that failed.
func (s *Store) eachMaster(ctx context.Context, f func(ctx context.Context, n node, cluster bool) error) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	nodes, err := s.masters(ctx, client)
	if err != nil {
		return err
	}
	var failed []error
	for _, n := range nodes {
		if err := f(ctx, n, clustered(client)); err != nil {
			failed = append(failed, fmt.Errorf("node %s: %w", n.addr, err))
		}
	}
	return errors.Join(failed...)
}
