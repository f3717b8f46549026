package bench

import (
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
	"vitrine/switches"
)

// Sizes measures shops of different sizes, each with everything in this process and bbolt as its store: what grows with the shop, and what does not.
type Sizes struct {
	SKUs   []int   // ascending, since the peak of memory is that of the process so far
	Single int     // changes that are timed one by one
	Pages  int     // requests, of pages that are not in memory
	Rate   float64 // of the requests, per second
	Bolt   []int   // sizes of bbolt files whose single reads are timed, in blobs
}

// SizesResult is what bench sizes prints.
type SizesResult struct {
	Shops []ShopSize  `json:"shops"`
	Bolt  []BoltTimes `json:"bolt"`
}

// ShopSize is what a shop of one size took.
type ShopSize struct {
	SKUs    int          `json:"skus"`
	Load    Phase        `json:"load"` // from an empty folder until each SKU has its blob
	Peak    int64        `json:"peak_rss_kib"`
	Disk    float64      `json:"disk_bytes"`
	Visible quantiles    `json:"change_to_page"`
	Page    load.Latency `json:"page_from_bbolt"` // milliseconds
	Sweep   float64      `json:"sweep_seconds"`
	Restart float64      `json:"restart_seconds"` // until it answers with a page
}

// Run measures, and removes all that it created when it ends.
func (s Sizes) Run(ctx context.Context, host Host) (r SizesResult, err error) {
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	for _, n := range s.SKUs {
		one, err := s.shop(ctx, host, n, filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return r, fmt.Errorf("%d SKUs: %w", n, err)
		}
		r.Shops = append(r.Shops, one)
	}
	for _, n := range s.Bolt {
		host.Log.Info("bbolt file", "blobs", n)
		one, err := timeBolt(ctx, host, filepath.Join(dir, "bolt"), n)
		if err != nil {
			return r, err
		}
		r.Bolt = append(r.Bolt, one)
	}
	return r, nil
}

// shop fills a shop, measures it, and starts it again.
func (s Sizes) shop(ctx context.Context, host Host, skus int, dir string) (r ShopSize, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	p := &Pipeline{SKUs: skus, Batch: 50, Single: s.Single, Dir: dir}
	host.Log.Info("filling", "skus", skus)
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) (err error) {
		r, err = s.measure(ctx, b)
		return err
	})
	if err != nil {
		return r, err
	}
	r.Disk, err = sizeOf(dir)
	if err != nil {
		return r, err
	}
	host.Log.Info("starting again", "skus", skus)
	began := time.Now()
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) error {
		body, err := b.get(ctx, fmt.Sprintf("%s/item/%d.json", b.pages, firstID))
		r.Restart = time.Since(began).Seconds()
		if err == nil && !json.Valid(body) {
			err = fmt.Errorf("%w: after a restart the first page is %.200q", item.ErrUnavailable, body)
		}
		return err
	})
	return r, err
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
	pages, err := b.request(ctx, "uniform", load.Config{Rate: s.Rate, For: time.Duration(float64(s.Pages) / s.Rate * float64(time.Second)), Connections: 64, Encoding: "gzip"})
	if err != nil {
		return r, err
	}
	if pages.Status[200] != pages.Sent {
		return r, fmt.Errorf("%w: of %d requests %d had a page", item.ErrUnavailable, pages.Sent, pages.Status[200])
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
	fmt.Fprintln(w, "| SKUs | loaded in | CPU per SKU | peak memory | disk | change to page p50, p99 | page from bbolt p50, p99 | sweep | restart |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range r.Shops {
		fmt.Fprintf(w, "| %d | %.1f s | %.0f µs | %d MiB | %.0f MiB | %.1f, %.1f ms | %.2f, %.2f ms | %.2f s | %.2f s |\n", s.SKUs, s.Load.Seconds, s.Load.CPU,
			s.Peak>>10, s.Disk/(1<<20), s.Visible.P50, s.Visible.P99, s.Page.P50, s.Page.P99, s.Sweep, s.Restart)
	}
	fmt.Fprintln(w)
	return printBolt(w, r.Bolt)
}

// printBolt writes the times of reads of bbolt files as a table.
func printBolt(w io.Writer, all []BoltTimes) error {
	_, err := fmt.Fprintln(w, "| blobs in bbolt | file | p50 | p99 | p99.9 |\n|---|---|---|---|---|")
	for _, b := range all {
		fmt.Fprintf(w, "| %d | %d MiB | %.1f µs | %.1f µs | %.1f µs |\n", b.Blobs, b.MiB, 1000*b.Reads.P50, 1000*b.Reads.P99, 1000*b.Reads.P999)
	}
	return err
}
