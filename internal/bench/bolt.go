package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/load"
	"vitrine/internal/mirror"
	"vitrine/switches"
)

// BoltTimes are what reads of a bbolt file of a size take.
type BoltTimes struct {
	Blobs int       `json:"blobs"`
	MiB   int64     `json:"mib"`
	Reads quantiles `json:"reads"` // of single blobs, within the process
}

// TierTimes are what a detail server takes whose own file has a size, while no other tier is asked.
type TierTimes struct {
	BoltTimes
	Page    load.Latency `json:"page"` // milliseconds
	Memory  float64      `json:"memory_bytes"`
	Restart float64      `json:"restart_seconds"` // until it answers with a page
}

// tier fills a server's own file with n blobs, and has the server make its pages from them. Redis is there, and empty.
func (s Sizes) tier(ctx context.Context, host Host, n int, dir string) (r TierTimes, err error) {
	host.Log.Info("a server's own file", "blobs", n)
	err = withRedis(ctx, host, dir, func(ctx context.Context, redis redisServer) (err error) {
		p := &Pipeline{SKUs: n, Batch: 50, Dir: dir, Redis: redis.url}
		p.prepare = func(file string) (err error) {
			r.BoltTimes, err = timeMirror(ctx, host, file, dir, n)
			return err
		}
		err = p.drive(ctx, host, func(ctx context.Context, b *bench) error { return s.fromFile(ctx, b, &r) })
		if err != nil {
			return err
		}
		p.prepare = nil
		r.Restart, err = p.restart(ctx, host)
		return err
	})
	return r, err
}

// fromFile requests pages that no other tier than the server's own file has.
func (s Sizes) fromFile(ctx context.Context, b *bench, r *TierTimes) error {
	for _, name := range []string{switches.ReadLocal, switches.ReadRedis} {
		if err := b.flip(ctx, name, "off"); err != nil {
			return err
		}
	}
	pages, err := b.requestAll(ctx, "uniform", s.Rate, s.Pages)
	if err != nil {
		return err
	}
	if pages.Source["bolt"] != pages.Sent {
		return fmt.Errorf("%w: of %d pages %d came from the server's own file: %v", item.ErrUnavailable, pages.Sent, pages.Source["bolt"], pages.Source)
	}
	r.Page = pages.Latency
	r.Memory, err = anonymous(os.Getpid())
	return err
}

// timeMirror fills a server's own file with n blobs of the catalog's shape, and times single reads of it.
func timeMirror(ctx context.Context, host Host, file, dir string, n int) (r BoltTimes, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	cat, err := catalog.Parse(text, file, catalog.Options{})
	if err != nil {
		return r, err
	}
	blob, err := cat.Kinds["sku"].Blob("item")
	if err != nil {
		return r, err
	}
	return fillAndRead(ctx, host, filepath.Join(dir, mirror.FileName), n, blob.Shape)
}

// timeBolt fills a file with n blobs, times single reads of it, and removes it.
func timeBolt(ctx context.Context, host Host, dir string, n int) (BoltTimes, error) {
	path := filepath.Join(dir, "size"+strconv.Itoa(n)+".db")
	defer os.Remove(path)
	return fillAndRead(ctx, host, path, n, 0)
}

func fillAndRead(ctx context.Context, host Host, path string, n int, shape uint32) (r BoltTimes, err error) {
	store, err := boltkv.Open(ctx, path, boltkv.Options{Log: host.Log, NoSync: true})
	if err != nil {
		return r, err
	}
	defer store.Close()
	if err := fillBolt(ctx, host, store, n, shape); err != nil {
		return r, err
	}
	times, err := timeReads(ctx, store, n)
	return BoltTimes{n, store.Size() >> 20, times}, err
}

// fillBolt puts a blob of each of n articles.
func fillBolt(ctx context.Context, host Host, store *boltkv.Store, n int, shape uint32) error {
	defer host.Progress("")
	const batch = 5000
	for first := 0; first < n; first += batch {
		puts := make([]kv.BlobPut, min(batch, n-first))
		for i := range puts {
			body := fmt.Appendf(nil, `{"product":{"title":"Article %d","brief":"A thing that is sold in a shop","options":[{"name":"Colour","value":"%d"}]}}`, first+i, (first+i)*7919%1000)
			head := kv.Header{Existence: kv.Alive, Stamp: 1, Fetched: time.Now(), Shape: shape}
			puts[i] = kv.BlobPut{BlobKey: blobOf(article(first + i)), Value: kv.Value{Header: head, Body: body}}
		}
		if _, err := store.PutBlobs(ctx, puts); err != nil {
			return err
		}
		host.Progress(fmt.Sprintf("bbolt %d of %d", first, n))
	}
	return nil
}

// timeReads times single reads of a file of n blobs.
func timeReads(ctx context.Context, store *boltkv.Store, n int) (quantiles, error) {
	return timeEach(10_000, 50_000, func() (kv.Existence, error) {
		return existenceOf(store.Blobs(ctx, []kv.BlobKey{blobOf(article(rand.IntN(n)))}))
	})
}

// printBolt writes the times of reads of bbolt files as a table.
func printBolt(w io.Writer, all []BoltTimes) error {
	_, err := fmt.Fprintln(w, "| blobs in bbolt | file | p50 | p99 | p99.9 |\n|---|---|---|---|---|")
	for _, b := range all {
		fmt.Fprintf(w, "| %d | %d MiB | %.1f µs | %.1f µs | %.1f µs |\n", b.Blobs, b.MiB, 1000*b.Reads.P50, 1000*b.Reads.P99, 1000*b.Reads.P999)
	}
	return err
}
