package rediskv

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// ScanEntities walks the keys gen:* of every master.
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

// ScanBlobs walks the keys blob:* of every master.
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
		if err = cmp.Or(err, item.CheckName(blob)); !ok || !ok2 || err != nil {
			s.log.Warn("a key is not ours", "key", clip(key))
			continue
		}
		blobs = append(blobs, kv.BlobKey{Entity: e, Blob: blob})
	}
	return blobs, next, nil
}

func cutTag(key, prefix string) (string, bool) { return strings.CutPrefix(key, prefix) }

func clip(s string) string { return s[:min(len(s), 120)] }

// The most SCANs of one page: among many keys of other kinds a page may be short, or empty, and not the last.
const scansPerPage = 16

// scan reads one page. The cursor is Redis' own, "@", and the master's address; masters are walked in the order
// of their addresses, so that a walk goes on where it was after a failover took one away. An error of one that is not
// the last comes with the cursor of the next.
func (s *Store) scan(ctx context.Context, match, cursor string, limit int) (keys []string, next string, err error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	at, addr, err := openScan(cursor)
	if err != nil {
		return nil, "", err
	}
	nodes, err := masters(ctx, client)
	if err != nil {
		return nil, "", err
	}
	limit = min(max(limit, 1), 10_000)
	for scans := 0; scans < scansPerPage && len(keys) < limit; scans++ {
		i := slices.IndexFunc(nodes, func(n node) bool { return n.addr >= addr })
		if i < 0 {
			return keys, "", nil
		}
		if nodes[i].addr != addr {
			at, addr = 0, nodes[i].addr
		}
		var found []string
		from := at
		found, at, err = nodes[i].Scan(ctx, from, match, int64(limit)).Result()
		if err != nil && len(keys) > 0 { // what the nodes before had comes first
			return keys, strconv.FormatUint(from, 10) + "@" + addr, nil
		}
		if err != nil {
			return nil, behind(nodes, i), fmt.Errorf("%s: %w", addr, err)
		}
		if keys = append(keys, found...); at == 0 {
			addr += "\x00" // the least string above: the next master
		}
	}
	if at == 0 && !slices.ContainsFunc(nodes, func(n node) bool { return n.addr >= addr }) {
		return keys, "", nil
	}
	return keys, strconv.FormatUint(at, 10) + "@" + addr, nil
}

// behind is the cursor of the node after the i-th, "" where there is none.
func behind(nodes []node, i int) string {
	if i+1 == len(nodes) {
		return ""
	}
	return "0@" + nodes[i+1].addr
}

func openScan(cursor string) (at uint64, addr string, err error) {
	if cursor == "" {
		return 0, "", nil
	}
	number, addr, ok := strings.Cut(cursor, "@")
	if at, err = strconv.ParseUint(number, 10, 64); !ok || err != nil {
		return 0, "", fmt.Errorf("%w: %.80q is no cursor of a scan", item.ErrRefused, cursor)
	}
	return at, addr, nil
}

type node struct {
	*redis.Client
	addr string
}

// masters are the nodes that hold keys, by address.
func masters(ctx context.Context, c redis.UniversalClient) ([]node, error) {
	cluster, ok := c.(*redis.ClusterClient)
	if !ok {
		single := c.(*redis.Client)
		return []node{{single, single.Options().Addr}}, nil
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

// Epoch makes the mark if there is none, and reads it.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return "", s.fail("read "+kv.EpochKey, err)
	}
	defer cancel()
	if err := client.SetNX(ctx, kv.EpochKey, rand.Text(), 0).Err(); err != nil {
		return "", s.fail("make "+kv.EpochKey, err)
	}
	epoch, err := client.Get(ctx, kv.EpochKey).Result()
	return epoch, s.fail("read "+kv.EpochKey, err)
}
