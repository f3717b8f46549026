package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

type benchCommand struct {
	Pipeline benchPipelineCommand `cmd:"" help:"Drive the whole loop: publisher, NATS, upstream, workers, store, pages."`
	Pages    benchPagesCommand    `cmd:"" help:"Ask for pages: workloads, with and without memory, batches, sizes of bbolt."`
	Switches benchSwitchesCommand `cmd:"" help:"Push switches to many processes, and time it."`
}

type benchPipelineCommand struct {
	SKUs   int           `name:"skus" help:"Distinct articles." default:"200000"`
	Batch  int           `help:"Ids in one call of the upstream." default:"50"`
	Single int           `help:"Changes that are timed one by one." default:"1000"`
	Answer time.Duration `help:"How long the upstream takes to answer."`
	Redis  string        `help:"Redis in place of bbolt; it must be empty, and is filled." placeholder:"URL"`
	Dir    string        `help:"Folder for the state; a temporary one by default." placeholder:"DIR"`
	CPU    string        `name:"cpuprofile" help:"Write a CPU profile of all of it, for go tool pprof." placeholder:"FILE"`
	JSON   bool          `name:"json" help:"Print JSON."`
}

func (benchPipelineCommand) Help() string {
	return `Examples:
  vitrine bench pipeline
  vitrine bench pipeline --skus 20000 --redis redis://127.0.0.1:6379/9

It starts everything in this process, an upstream over HTTP included, and changes the content of every
article: CPU is that of all of it together. Then it reads every blob and compares.`
}

// pipelineResult is what bench pipeline prints. Times are in milliseconds.
type pipelineResult struct {
	Store      string    `json:"store"`
	SKUs       int       `json:"skus"`
	Batch      int       `json:"batch"`
	Fill       benchRun  `json:"fill"`
	Change     benchRun  `json:"change"`
	Refresh    benchRun  `json:"refresh"`                   // while single changes are timed beside it
	Hanging    benchRun  `json:"hanging"`                   // behind half as many changes of an upstream that hangs
	Caught     float64   `json:"hanging_caught_up_seconds"` // after the upstream is well again
	AtRest     quantiles `json:"at_rest"`
	UnderLoad  quantiles `json:"under_refresh"`
	Sweep      float64   `json:"sweep_seconds"` // of all entities, every blob compared with its records
	Wrong      int       `json:"wrong"`         // blobs that differ from the upstream, at the end
	OneKey     int64     `json:"calls_for_1000_changes_of_one_key"`
	PeakRSSKiB int64     `json:"peak_rss_kib"`
}

type benchRun struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"changes_per_second"`
	CPU       float64 `json:"cpu_us_per_change"`
	Calls     float64 `json:"upstream_calls_per_change"`
}

type quantiles struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p99_9_ms"`
}

// bench is a running system and its upstream.
type bench struct {
	*benchPipelineCommand
	env   *env
	shop  *benchShop
	pages string
	admin string
	bus   *bus.Conn
	alone *bus.Conn // for single changes, which come from another publisher than the bulk
	http  *http.Client
}

// Run is vitrine bench pipeline.
func (p *benchPipelineCommand) Run(e *env) error {
	if p.SKUs < 1 || p.Batch < 1 || p.Single < 1 {
		return usagef("--skus, --batch and --single must be positive")
	}
	var r pipelineResult
	err := p.drive(e, func(ctx context.Context, b *bench) (err error) {
		r, err = b.measure(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return r.print(e.stdout, p.JSON)
}

// drive runs a whole system in this process, has it measured, and ends it.
func (p *benchPipelineCommand) drive(e *env, measure func(context.Context, *bench) error) error {
	if p.Dir == "" {
		dir, err := os.MkdirTemp("", "vitrine-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		p.Dir = dir
	}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	b := &bench{benchPipelineCommand: p, env: e, shop: &benchShop{versions: make([]atomic.Int64, p.SKUs)}, http: &http.Client{}}
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
	if ended := <-ended; err == nil {
		err = ended
	}
	return err
}

// start serves the upstream and runs everything as `vitrine up` does; ended gives its error.
func (b *bench) start(ctx context.Context) (ended <-chan error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: b.shop, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener)
	context.AfterFunc(ctx, func() { server.Close() })

	file := filepath.Join(b.Dir, "shop.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, benchCatalog, "http://"+listener.Addr().String(), b.Batch), 0o644); err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	up := upCommand{Dir: b.Dir, HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", NATS: "127.0.0.1:0", Redis: b.Redis, Catalog: file, Disk: "mirror"}
	quiet := *b.env
	quiet.ctx, quiet.stdout = ctx, in
	done := make(chan error, 1)
	go func() {
		err := up.Run(&quiet)
		in.CloseWithError(io.EOF)
		done <- err
	}()
	nats := ""
	for lines := bufio.NewScanner(out); nats == "" && lines.Scan(); {
		what, address, _ := strings.Cut(lines.Text(), " ")
		switch address = strings.TrimSuffix(strings.TrimSpace(address), "/"); what {
		case "pages":
			b.pages = address
		case "admin":
			b.admin = address
		case "nats":
			nats = address
		}
	}
	go io.Copy(io.Discard, out)
	if nats == "" {
		return nil, <-done
	}
	for _, conn := range []**bus.Conn{&b.bus, &b.alone} {
		if *conn, err = bus.Dial(ctx, bus.Config{URL: nats, Name: "vitrine bench", Log: b.env.log}); err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, (*conn).Close)
	}
	return done, nil
}

func (b *bench) measure(ctx context.Context) (r pipelineResult, err error) {
	r.Store, r.SKUs, r.Batch = "bbolt", b.SKUs, b.Batch
	if b.Redis != "" {
		r.Store = "Redis"
	}
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"filling", func(ctx context.Context) error { r.Fill, err = b.all(ctx, item.Normal); return err }},
		{"changing everything", func(ctx context.Context) error { r.Change, err = b.all(ctx, item.Normal); return err }},
		{"timing single changes", func(ctx context.Context) error { r.AtRest, err = b.singles(ctx, nil); return err }},
		{"timing single changes beside a refresh of everything", func(ctx context.Context) error { return b.beside(ctx, &r) }},
		{"changing everything behind an upstream that hangs", func(ctx context.Context) error { return b.behindHung(ctx, &r) }},
		{"changing one article 1,000 times", func(ctx context.Context) error { r.OneKey, err = b.oneKey(ctx); return err }},
		{"sweeping", func(ctx context.Context) error { r.Sweep, err = b.sweep(ctx); return err }},
		{"comparing every blob", func(ctx context.Context) error { r.Wrong, err = b.compare(ctx); return err }},
	} {
		b.env.log.Info(phase.name) // not to stderr past the log: the system under test logs there too
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

// cpuTime is what this process has used, user and system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (r pipelineResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "%s, %d articles, batches of %d\n\n", r.Store, r.SKUs, r.Batch)
	for _, run := range []struct {
		name string
		benchRun
	}{{"fill", r.Fill}, {"change", r.Change}, {"refresh, singles beside it", r.Refresh}, {"behind a hanging upstream", r.Hanging}} {
		fmt.Fprintf(w, "%-28s %7.1f s  %7.0f changes/s  %5.0f µs CPU/change  %.4f calls/change\n", run.name, run.Seconds, run.PerSecond, run.CPU, run.Calls)
	}
	for _, q := range []struct {
		name string
		quantiles
	}{{"change to page, at rest", r.AtRest}, {"change to page, refreshing", r.UnderLoad}} {
		fmt.Fprintf(w, "%-28s p50 %.2f ms  p99 %.2f ms  p99.9 %.2f ms\n", q.name, q.P50, q.P99, q.P999)
	}
	fmt.Fprintf(w, "%-28s %.1f s for %d parked changes\n", "caught up when well again", r.Caught, max(1, r.SKUs/2))
	fmt.Fprintf(w, "%-28s %.1f s for %d entities\n", "sweep", r.Sweep, r.SKUs+max(1, r.SKUs/2))
	_, err := fmt.Fprintf(w, "%-28s %d calls\n%-28s %d\n%-28s %d MiB\n", "1,000 changes of one key", r.OneKey, "wrong at the end", r.Wrong, "peak memory", r.PeakRSSKiB>>10)
	return err
}

// profileTo begins a CPU profile, and gives what ends it; "" is none.
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
