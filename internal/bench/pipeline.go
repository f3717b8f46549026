// Package bench measures a whole running system.
package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/node"
	"vitrine/internal/upstream"
)

// Host is what a bench needs of the program that runs it. Every field is required.
type Host struct {
	Log      *slog.Logger
	SetLevel func(word string) // sets the level of Log, by a value of the switch log.level
	Progress func(string)      // receives progress messages, and "" at the end
}

// Pipeline measures the whole loop: publisher, NATS, upstream, workers, store, pages.
type Pipeline struct {
	SKUs   int           // distinct articles
	Batch  int           // ids in one call of the upstream
	Single int           // changes that are timed one by one
	Answer time.Duration // time the upstream takes to answer
	Redis  string        // Redis URL to use in place of bbolt; it must be empty, and is filled
	Dir    string        // for the state; "" is a temporary folder
	CPU    string        // file for a CPU profile; "" is none

	prepare func(catalog string) error // is called with the file of the catalog before the system starts; nil for nothing to do
	shop    *shop                      // of the first start; a system that starts again finds its upstream as it was
	address string                     // of the upstream
}

// PipelineResult is what bench pipeline prints. Times are in milliseconds.
type PipelineResult struct {
	Store    string     `json:"store"`
	SKUs     int        `json:"skus"`
	Batch    int        `json:"batch"`
	Fill     Phase      `json:"fill"`
	Change   Phase      `json:"change"`
	Floor    Phase      `json:"floor"`       // of Change
	Multiple Multiple   `json:"times_floor"` // the median of Rounds
	Rounds   []Multiple `json:"times_floor_rounds"`

	AtRest    quantiles `json:"at_rest"`
	UnderLoad quantiles `json:"under_refresh"`
	HighP99   float64   `json:"under_refresh_p99_times_at_rest"`
	Refresh   Phase     `json:"refresh"` // while single changes are timed

	Hanging      Phase   `json:"hanging"`                   // behind half as many changes of an upstream that hangs
	HangingShare float64 `json:"hanging_share"`             // of the throughput without them, right before
	Parking      Phase   `json:"parking"`                   // half as many changes more of the upstream that hangs, until they are set aside
	Caught       float64 `json:"hanging_caught_up_seconds"` // after the upstream has recovered

	Sweep      float64 `json:"sweep_seconds"` // of all entities, every blob compared with its records
	Wrong      int     `json:"wrong"`         // blobs that differ from the upstream, at the end
	OneKey     int64   `json:"calls_for_1000_changes_of_one_key"`
	PeakRSSKiB int64   `json:"peak_rss_kib"`
}

// Phase is what one phase of the pipeline took.
type Phase struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"changes_per_second"`
	CPU       float64 `json:"cpu_us_per_change"`
	Calls     float64 `json:"upstream_calls_per_change"`
}

// quantiles of times, in milliseconds.
type quantiles struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p99_9_ms"`
}

// bench is a running system and its upstream.
type bench struct {
	*Pipeline
	host  Host
	shops *http.Server // serves the upstream
	pages string
	admin string
	bus   *bus.Conn
	alone *bus.Conn // for single changes, whose publisher is another than the bulk's
	http  *http.Client
}

// Run measures, and removes all that it created when it ends.
func (p *Pipeline) Run(ctx context.Context, host Host) (r PipelineResult, err error) {
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) (err error) {
		r, err = b.measure(ctx)
		return err
	})
	return r, err
}

// drive runs a whole system in this process, measures it, and ends it.
func (p *Pipeline) drive(ctx context.Context, host Host, measure func(context.Context, *bench) error) error {
	if p.Dir == "" {
		dir, err := os.MkdirTemp("", "vitrine-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		p.Dir = dir
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b := newBench(p, host)
	b.shop.answer.Store(int64(p.Answer))
	ended, err := b.start(ctx)
	if err != nil {
		return err
	}
	endProfile, err := profileTo(p.CPU)
	if err != nil {
		return err
	}
	err = measure(ctx, b)
	endProfile()
	stop()
	b.shops.Close()
	if ended := <-ended; err == nil {
		err = ended
	}
	return err
}

// newBench makes a bench whose system is not started yet.
func newBench(p *Pipeline, host Host) *bench {
	if p.shop == nil {
		p.shop = &shop{versions: make([]atomic.Int64, p.SKUs)}
	}
	return &bench{Pipeline: p, host: host, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: places}}}
}

// restart starts a system again whose folder is filled, and measures how long it takes until it answers with a page.
func (p *Pipeline) restart(ctx context.Context, host Host) (seconds float64, err error) {
	began := time.Now()
	err = p.drive(ctx, host, func(ctx context.Context, b *bench) error {
		err := b.awaitFirst(ctx)
		seconds = time.Since(began).Seconds()
		return err
	})
	return seconds, err
}

// serveShop serves the upstream until ctx ends, and writes a catalog for it, whose path it returns.
func (b *bench) serveShop(ctx context.Context) (file string, err error) {
	listener, err := net.Listen("tcp", cmp.Or(b.address, "127.0.0.1:0"))
	if err != nil {
		return "", err
	}
	b.address = listener.Addr().String()
	b.shops = &http.Server{Handler: b.shop, ReadHeaderTimeout: 5 * time.Second}
	go b.shops.Serve(listener)
	context.AfterFunc(ctx, func() { b.shops.Close() })
	file = filepath.Join(b.Dir, "shop.yaml")
	text := ""
	if b.shop.text > 0 {
		text = ", text"
	}
	return file, os.WriteFile(file, fmt.Appendf(nil, shopCatalog, "http://"+b.address, b.Batch, text), 0o644)
}

// start serves the upstream and runs everything as `vitrine up` does; ended receives its error.
func (b *bench) start(ctx context.Context) (ended <-chan error, err error) {
	file, err := b.serveShop(ctx)
	if err == nil && b.prepare != nil {
		err = b.prepare(file)
	}
	if err != nil {
		return nil, err
	}
	secrets, err := upstream.NewSecrets(nil, nil)
	if err != nil {
		return nil, err
	}
	up := node.Up{
		Config: node.Config{Dir: b.Dir, Role: "up", Secrets: secrets, Log: b.host.Log, SetLevel: b.host.SetLevel, Output: io.Discard},
		Pages:  node.Pages{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Disk: "mirror", FastPath: true},
		NATS:   "127.0.0.1:0", Redis: b.Redis, Catalog: file,
	}
	done, started := make(chan error, 1), make(chan node.Addresses, 1)
	go func() { done <- up.Run(ctx, func(a node.Addresses) { started <- a }) }()
	var at node.Addresses
	select {
	case at = <-started:
	case err := <-done:
		return nil, cmp.Or(err, ctx.Err())
	}
	b.pages = at.Pages
	b.admin = at.Admin
	return done, b.dial(ctx, at.NATS)
}

// dial opens the connections to NATS, until ctx ends.
func (b *bench) dial(ctx context.Context, nats string) (err error) {
	for _, conn := range []**bus.Conn{&b.bus, &b.alone} {
		*conn, err = bus.Dial(ctx, bus.Config{URL: nats, Name: "vitrine bench", Log: b.host.Log})
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, (*conn).Close)
	}
	return nil
}

func (b *bench) measure(ctx context.Context) (r PipelineResult, err error) {
	r.Store = "bbolt"
	r.SKUs = b.SKUs
	r.Batch = b.Batch
	if b.Redis != "" {
		r.Store = "Redis"
	}
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"filling", func(ctx context.Context) error { r.Fill, err = b.all(ctx, item.Normal); return err }},
		{"changing everything, and the floor of that", func(ctx context.Context) error { return b.against(ctx, &r) }},
		{"timing single changes", func(ctx context.Context) error { r.AtRest, err = b.singles(ctx, nil); return err }},
		{"timing single changes beside a refresh of everything", func(ctx context.Context) error { return b.beside(ctx, &r) }},
		{"changing everything behind an upstream that hangs", func(ctx context.Context) error { return b.behindHung(ctx, &r) }},
		{"changing one article 1,000 times", func(ctx context.Context) error { r.OneKey, err = b.oneKey(ctx); return err }},
		{"sweeping", func(ctx context.Context) error { r.Sweep, err = b.sweep(ctx); return err }},
		{"comparing every blob", func(ctx context.Context) error { r.Wrong, err = b.compare(ctx); return err }},
	} {
		b.host.Log.Info(phase.name) // through the log, since the system under test writes to stderr there, too
		if err := phase.run(ctx); err != nil {
			return r, fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		r.PeakRSSKiB = usage.Maxrss
	}
	return r, nil
}

func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	at := func(q float64) float64 {
		return float64(times[min(len(times)-1, int(q*float64(len(times))))].Nanoseconds()) / 1e6
	}
	return quantiles{at(0.5), at(0.99), at(0.999)}
}

// Print writes it for people, or as JSON.
func (r PipelineResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "%s, %d articles, batches of %d\n\n", r.Store, r.SKUs, r.Batch)
	for _, run := range []struct {
		name string
		Phase
	}{{"fill", r.Fill}, {"change", r.Change}, {"floor of a change", r.Floor}, {"refresh, singles beside it", r.Refresh}, {"behind a hanging upstream", r.Hanging}, {"parking", r.Parking}} {
		fmt.Fprintf(w, "%-30s %7.1f s  %7.0f changes/s  %5.0f µs CPU/change  %.4f calls/change\n", run.name, run.Seconds, run.PerSecond, run.CPU, run.Calls)
	}
	fmt.Fprintf(w, "%-30s %.2f CPU, %.2f time; by round", "change, times its floor", r.Multiple.CPU, r.Multiple.Wall)
	for _, m := range r.Rounds {
		fmt.Fprintf(w, "  %.2f, %.2f", m.CPU, m.Wall)
	}
	fmt.Fprintf(w, "\n%-30s %.0f%%\n", "hanging, of without", 100*r.HangingShare)
	for _, q := range []struct {
		name string
		quantiles
	}{{"change to page, at rest", r.AtRest}, {"change to page, refreshing", r.UnderLoad}} {
		fmt.Fprintf(w, "%-30s p50 %.2f ms  p99 %.2f ms  p99.9 %.2f ms\n", q.name, q.P50, q.P99, q.P999)
	}
	fmt.Fprintf(w, "%-30s %.1f\n", "p99 refreshing, times at rest", r.HighP99)
	fmt.Fprintf(w, "%-30s %.1f s for %d parked changes\n", "caught up when well again", r.Caught, 2*max(1, r.SKUs/2))
	fmt.Fprintf(w, "%-30s %.1f s for %d entities\n", "sweep", r.Sweep, r.SKUs+2*max(1, r.SKUs/2))
	_, err := fmt.Fprintf(w, "%-30s %d calls\n%-30s %d\n%-30s %d MiB\n", "1,000 changes of one key", r.OneKey, "wrong at the end", r.Wrong, "peak memory", r.PeakRSSKiB>>10)
	return err
}

// profileTo begins a CPU profile, and returns the function that ends it; path "" is none.
func profileTo(path string) (end func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}
