package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/load"
	"vitrine/internal/mirror"
	"vitrine/switches"
)

// Store is what a shop is kept in.
type Store string

// The stores.
const (
	Bolt  Store = "bbolt"
	Redis Store = "redis" // a redis-server that the bench starts
)

// Sizes measures shops of different sizes, each with everything but Redis in this process: what grows with the shop, and what does not.
type Sizes struct {
	SKUs   []int   // ascending, since the peak of memory is that of the process so far
	Single int     // changes that are timed one by one
	Pages  int     // requests, of pages that are not in memory
	Rate   float64 // of the requests, per second
	Stores []Store // that each shop is measured over, one after the other
	Bolt   []int   // sizes of detail servers' own files that pages are made from, in blobs
}

// SizesResult is what bench sizes prints.
type SizesResult struct {
	Shops []ShopSize  `json:"shops"`
	Bolt  []TierTimes `json:"bolt"`
}

// ShopSize is what a shop of one size took.
type ShopSize struct {
	Store   Store        `json:"store"`
	SKUs    int          `json:"skus"`
	Load    Phase        `json:"load"` // from an empty folder until each SKU has its blob
	Peak    int64        `json:"peak_rss_kib"`
	Disk    float64      `json:"disk_bytes"`
	Redis   float64      `json:"redis_bytes"` // memory; 0 over bbolt
	Visible quantiles    `json:"change_to_page"`
	Page    load.Latency `json:"page_from_store"` // milliseconds
	Sweep   float64      `json:"sweep_seconds"`
	Restart float64      `json:"restart_seconds"`    // until it answers with a page
	Copied  float64      `json:"first_copy_seconds"` // from a start without a file of its own until that holds everything; 0 over bbolt
}

// Run measures, and removes all that it created when it ends. With an error the result has what was measured until then.
func (s Sizes) Run(ctx context.Context, host Host) (r SizesResult, err error) {
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	in := func(n int, do func(dir string) error) error {
		own := filepath.Join(dir, fmt.Sprint(n))
		defer os.RemoveAll(own)
		if err := os.Mkdir(own, 0o755); err != nil {
			return err
		}
		return do(own)
	}
	for _, store := range s.Stores {
		for _, n := range s.SKUs {
			err := in(n, func(dir string) error {
				one, err := s.shop(ctx, host, store, n, dir)
				if err == nil {
					r.Shops = append(r.Shops, one)
				}
				return err
			})
			if err != nil {
				return r, fmt.Errorf("%d SKUs over %s: %w", n, store, err)
			}
		}
	}
	for _, n := range s.Bolt {
		err := in(n, func(dir string) error {
			one, err := s.tier(ctx, host, n, dir)
			if err == nil {
				r.Bolt = append(r.Bolt, one)
			}
			return err
		})
		if err != nil {
			return r, fmt.Errorf("%d blobs: %w", n, err)
		}
	}
	return r, nil
}

// shop fills a shop, measures it, and starts it again.
func (s Sizes) shop(ctx context.Context, host Host, store Store, skus int, dir string) (r ShopSize, err error) {
	p := &Pipeline{SKUs: skus, Batch: 50, Single: s.Single, Dir: dir}
	if store == Bolt {
		r, err = s.fill(ctx, host, p)
	} else {
		err = withRedis(ctx, host, dir, func(ctx context.Context, redis redisServer) error {
			r, err = s.overRedis(ctx, host, p, redis)
			return err
		})
	}
	r.Store = store
	return r, err
}

// overRedis is shop where the store is a redis-server.
func (s Sizes) overRedis(ctx context.Context, host Host, p *Pipeline, redis redisServer) (r ShopSize, err error) {
	p.Redis = redis.url
	r, err = s.fill(ctx, host, p)
	if err != nil {
		return r, err
	}
	usage, err := redis.store.Usage(ctx)
	if err != nil {
		return r, err
	}
	r.Redis = usage.Memory
	r.Copied, err = s.firstCopy(ctx, host, p)
	return r, err
}

// fill fills a shop, measures it, and starts it again.
func (s Sizes) fill(ctx context.Context, host Host, p *Pipeline) (r ShopSize, err error) {
	host.Log.Info("filling", "skus", p.SKUs, "over_redis", p.Redis != "")
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) (err error) {
		r, err = s.measure(ctx, b)
		return err
	})
	if err != nil {
		return r, err
	}
	r.Disk, err = sizeOf(p.Dir)
	if err != nil {
		return r, err
	}
	host.Log.Info("starting again", "skus", p.SKUs)
	r.Restart, err = p.restart(ctx, host)
	return r, err
}

// awaitFirst requests one page, of the first article.
func (b *bench) awaitFirst(ctx context.Context) error {
	body, err := b.get(ctx, fmt.Sprintf("%s/item/%d.json", b.pages, firstID))
	if err == nil && !json.Valid(body) {
		err = fmt.Errorf("%w: after a restart the first page is %.200q", item.ErrUnavailable, body)
	}
	return err
}

// firstCopy starts the system without the server's own file, and waits until that holds everything again.
func (s Sizes) firstCopy(ctx context.Context, host Host, p *Pipeline) (seconds float64, err error) {
	if err := os.Remove(filepath.Join(p.Dir, mirror.FileName)); err != nil {
		return 0, err
	}
	host.Log.Info("copying into the server's own file", "skus", p.SKUs)
	began := time.Now()
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) error {
		err := until(ctx, func() (bool, error) {
			body, err := b.get(ctx, b.admin+"/metrics")
			return bytes.Contains(body, []byte("\nvitrine_mirror_behind 0\n")), err
		})
		seconds = time.Since(began).Seconds()
		return err
	})
	return seconds, err
}

func (s Sizes) measure(ctx context.Context, b *bench) (r ShopSize, err error) {
	r.SKUs = b.SKUs
	r.Load, err = b.all(ctx, item.Normal)
	if err != nil {
		return r, err
	}
	b.host.Log.Info("timing single changes")
	r.Visible, err = b.singles(ctx, nil)
	if err != nil {
		return r, err
	}
	b.host.Log.Info("requesting pages without memory")
	if err := b.flip(ctx, switches.ReadLocal, "off"); err != nil {
		return r, err
	}
	pages, err := b.requestAll(ctx, "uniform", s.Rate, s.Pages)
	if err != nil {
		return r, err
	}
	r.Page = pages.Latency
	b.host.Log.Info("sweeping")
	r.Sweep, err = b.sweep(ctx)
	var usage syscall.Rusage
	err = errors.Join(err, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	r.Peak = usage.Maxrss
	return r, err
}

// Print writes the result as tables for docs/performance.md, or as JSON.
func (r SizesResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintln(w, "| store | SKUs | loaded in | CPU per SKU | peak memory | memory of Redis | disk | change to page p50, p99 | page from the store p50, p99 | sweep | restart | first copy |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range r.Shops {
		fmt.Fprintf(w, "| %s | %d | %.1f s | %.0f µs | %d MiB | %.0f MiB | %.0f MiB | %.1f, %.1f ms | %.2f, %.2f ms | %.2f s | %.2f s | %.1f s |\n", s.Store, s.SKUs, s.Load.Seconds, s.Load.CPU,
			s.Peak>>10, s.Redis/(1<<20), s.Disk/(1<<20), s.Visible.P50, s.Visible.P99, s.Page.P50, s.Page.P99, s.Sweep, s.Restart, s.Copied)
	}
	fmt.Fprintln(w, "\n| blobs in a server's own file | file | read p50, p99 | page from it p50, p99 | memory without the file | restart |\n|---|---|---|---|---|---|")
	for _, t := range r.Bolt {
		fmt.Fprintf(w, "| %d | %d MiB | %.1f, %.1f µs | %.2f, %.2f ms | %.0f MiB | %.2f s |\n", t.Blobs, t.MiB, 1000*t.Reads.P50, 1000*t.Reads.P99, t.Page.P50, t.Page.P99, t.Memory/(1<<20), t.Restart)
	}
	return nil
}
