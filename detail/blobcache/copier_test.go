package blobcache_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"vitrine/detail/blobcache"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// particular is a store that refuses cursors that it has not issued itself.
type particular struct{ *kvtest.Memory }

func (p particular) ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	if strings.HasPrefix(cursor, "other:") {
		return nil, "", fmt.Errorf("%w: %q is no cursor", item.ErrRefused, cursor)
	}
	return p.Memory.ScanBlobs(ctx, cursor, limit)
}

func TestMirrorBeginsAnewWhereItsCursorIsRefused(t *testing.T) {
	from, to := kvtest.NewMemory(), kvtest.NewMemory()
	for i := range 30 {
		from.Put(fmt.Sprintf("sku:%d", i), "item", 5, lamp)
	}
	to.Metas["mirror-cursor"] = []byte("other:7")
	mirror(t, from, to, func(c *blobcache.MirrorConfig) { c.From = particular{from} })
	poll.Until(t, "all are copied", func() bool { return to.Count() == 30 })
}

// TestMirrorCopiesAllOverARestartOfRedis restarts Redis during a full copy. Cursors then mean other places than
// before, as those of a replica do after a failover.
func TestMirrorCopiesAllOverARestartOfRedis(t *testing.T) {
	r := redistest.Single(t)
	store, err := rediskv.Open(t.Context(), rediskv.Config{URL: r.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	const n = 3000
	puts := make([]kv.BlobPut, n)
	for i := range puts {
		puts[i] = kv.BlobPut{BlobKey: kv.BlobKey{Entity: entity(t, fmt.Sprintf("sku:%d", i)), Blob: "item"},
			Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 5}, Body: []byte(lamp)}}
	}
	if _, err := store.PutBlobs(t.Context(), puts); err != nil {
		t.Fatal(err)
	}
	to := kvtest.NewMemory()
	slow := func(c *blobcache.MirrorConfig) { c.From, c.Rate = store, 5000 }
	_, stop := mirror(t, kvtest.NewMemory(), to, slow)
	poll.Until(t, "a third is copied", func() bool { return to.Count() >= n/3 })
	stop()
	if to.Count() == n {
		t.Fatal("the copy was not interrupted")
	}
	r.Stop()
	r.Start()
	mirror(t, kvtest.NewMemory(), to, slow)
	poll.Until(t, "the copy is through", func() bool {
		copied, _ := to.Meta(t.Context(), "mirror-copied")
		return len(copied) > 0
	})
	if got := to.Count(); got != n {
		t.Errorf("the mirror says that it holds all blobs, and has %d of %d", got, n)
	}
}
