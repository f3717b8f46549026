package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

type benchCommand struct {
	Pipeline benchPipelineCommand `cmd:"" help:"Drive the whole loop: publisher, NATS, upstream, workers, store, pages."`
	Switches benchSwitchesCommand `cmd:"" help:"Push switches to many processes, and time it."`
}

type benchPipelineCommand struct {
	SKUs   int           `name:"skus" help:"Distinct articles." default:"200000"`
	Batch  int           `help:"Ids in one call of the upstream." default:"50"`
	Single int           `help:"Changes that are timed one by one." default:"1000"`
	Answer time.Duration `help:"How long the upstream takes to answer."`
	Redis  string        `help:"Redis in place of bbolt; it must be empty, and is filled." placeholder:"URL"`
	Dir    string        `help:"Folder for the state; a temporary one by default." placeholder:"DIR"`
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

// benchShop is the upstream: every article has a version, which is its content.
type benchShop struct {
	answer   time.Duration
	versions []atomic.Int64
	calls    atomic.Int64
	hung     atomic.Bool
}

// benchBase is the first id.
const benchBase = 1_000_000

const benchCatalog = `version: 1
site: { name: Bench, lang: en, currency: EUR }
upstreams:
  goods: { url: "%[1]s", timeout: 10s, concurrency: 16 }
  stuck: { url: "%[1]s/stuck", timeout: 1s, concurrency: 16 }
entities:
  sku:
    dimensions:
      product: { from: goods, get: "/goods/{id}", batch: "/goods?ids={ids}", batch_max: %[2]d, pick: '{title, brief, images, options, brand, rev}', version: rev, require: [title] }
    blobs: { item: { of: [product] } }
  part:
    dimensions: { stock: { from: stuck, get: "/{id}", batch: "/?ids={ids}", batch_max: %[2]d } }
    blobs: { card: { of: [stock] } }
pages:
  item: { path: "/item/{sku}.html", blob: item, template: item.html }
`

func (s *benchShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, stuck := strings.CutPrefix(r.URL.Path, "/stuck/"); stuck {
		s.serveStuck(w, r, path)
		return
	}
	s.calls.Add(1)
	if s.answer > 0 {
		select {
		case <-time.After(s.answer):
		case <-r.Context().Done():
			return
		}
	}
	var buf bytes.Buffer
	if ids := r.URL.Query().Get("ids"); ids != "" {
		buf.WriteByte('[')
		for i, id := range strings.Split(ids, ",") {
			if i > 0 {
				buf.WriteByte(',')
			}
			s.write(&buf, id)
		}
		buf.WriteByte(']')
	} else {
		s.write(&buf, strings.TrimPrefix(r.URL.Path, "/goods/"))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	buf.WriteTo(w)
}

// serveStuck is the other upstream, which hangs while hung is set.
func (s *benchShop) serveStuck(w http.ResponseWriter, r *http.Request, id string) {
	if s.hung.Load() {
		<-r.Context().Done()
		return
	}
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	if id != "" {
		fmt.Fprintf(w, `{"id":%q,"pieces":1}`, id)
		return
	}
	for i, id := range ids {
		ids[i] = fmt.Sprintf(`{"id":%q,"pieces":1}`, id)
	}
	fmt.Fprintf(w, "[%s]", strings.Join(ids, ","))
}

func (s *benchShop) write(b *bytes.Buffer, id string) {
	i, err := strconv.Atoi(id)
	if i -= benchBase; err != nil || i < 0 || i >= len(s.versions) {
		b.WriteString("null")
		return
	}
	v := s.versions[i].Load()
	fmt.Fprintf(b, `{"id":"%s","rev":%d,"title":"Article %s, edition %d","brief":"A thing that is sold in a shop, in its %d. version",`+
		`"images":["/img/%s-1.jpg","/img/%s-2.jpg"],"options":[{"name":"Colour","value":"Red"},{"name":"Size","value":"M"}],`+
		`"brand":"ACME","warehouse":{"row":%d,"shelf":"left"}}`, id, v, id, v, v, id, id, v%97)
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
	if p.Dir == "" {
		dir, err := os.MkdirTemp("", "vitrine-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		p.Dir = dir
	}
	ctx, stop := context.WithCancel(e.ctx)
	b := &bench{benchPipelineCommand: p, env: e, shop: &benchShop{answer: p.Answer, versions: make([]atomic.Int64, p.SKUs)}, http: &http.Client{}}
	ended, err := b.start(ctx)
	if err != nil {
		stop()
		return err
	}
	result, err := b.measure(ctx)
	stop()
	if ended := <-ended; err == nil {
		err = ended
	}
	if err != nil {
		return err
	}
	return result.print(e.stdout, p.JSON)
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
	progress := func(what string) { fmt.Fprintln(b.env.stderr, what) }
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
		progress(phase.name)
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

func change(lane item.Lane, i int) item.Change {
	return item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: strconv.Itoa(benchBase + i)}, Dimension: "product"}
}

// all changes every article and waits until every page shows it.
func (b *bench) all(ctx context.Context, lane item.Lane) (benchRun, error) {
	return b.allUntil(ctx, lane, b.settle)
}

func (b *bench) allUntil(ctx context.Context, lane item.Lane, done func(context.Context) error) (benchRun, error) {
	changes := make([]item.Change, b.SKUs)
	for i := range b.shop.versions {
		b.shop.versions[i].Add(1)
		changes[i] = change(lane, i)
	}
	calls, cpu, began := b.shop.calls.Load(), cpuTime(), time.Now()
	if err := b.bus.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil {
		return benchRun{}, err
	}
	if err := done(ctx); err != nil {
		return benchRun{}, err
	}
	took, n := time.Since(began), float64(b.SKUs)
	return benchRun{
		Seconds: took.Seconds(), PerSecond: n / took.Seconds(),
		CPU: float64((cpuTime() - cpu).Microseconds()) / n, Calls: float64(b.shop.calls.Load()-calls) / n,
	}, nil
}

// settle waits until nothing is queued, unparked until nothing is but what is parked.
func (b *bench) settle(ctx context.Context) error { return b.until(ctx, b.bus.Left) }

func (b *bench) unparked(ctx context.Context) error { return b.until(ctx, b.bus.Moving) }

func (b *bench) until(ctx context.Context, count func(context.Context) (uint64, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := count(ctx)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// singles changes one article after the other in the high lane, until Single are timed, or until ended says so,
// but no fewer than 100; each waits until its page shows it.
func (b *bench) singles(ctx context.Context, ended <-chan struct{}) (quantiles, error) {
	var times []time.Duration
	for i := 0; ; i++ {
		select {
		case <-ended:
			if len(times) >= 100 {
				return quantilesOf(times), nil
			}
		default:
		}
		if ended == nil && len(times) == b.Single {
			return quantilesOf(times), nil
		}
		n := i * 7919 % b.SKUs
		version := b.shop.versions[n].Add(1)
		began := time.Now()
		if err := b.alone.PublishChanges(ctx, []item.Change{change(item.High, n)}, bus.PublishOptions{}); err != nil {
			return quantiles{}, err
		}
		if err := b.awaitPage(ctx, n, version); err != nil {
			return quantiles{}, fmt.Errorf("wait for a page: %w", err)
		}
		times = append(times, time.Since(began))
	}
}

// awaitPage asks for an article's page until it shows a version. gojq sorts members, so that "title" follows "rev".
func (b *bench) awaitPage(ctx context.Context, i int, version int64) error {
	url := fmt.Sprintf("%s/item/%d.json", b.pages, benchBase+i)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		body, err := b.get(ctx, url)
		if err != nil {
			return err
		}
		_, rest, _ := bytes.Cut(body, []byte(`"rev":`))
		digits, _, _ := bytes.Cut(rest, []byte(","))
		if shown, err := strconv.ParseInt(string(digits), 10, 64); err == nil && shown >= version {
			return nil // or a later one, of the refresh beside it
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *bench) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// beside times single changes while a refresh of everything runs.
func (b *bench) beside(ctx context.Context, r *pipelineResult) (err error) {
	ended, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		var err error
		r.Refresh, err = b.all(ctx, item.Refresh)
		failed <- err
	}()
	r.UnderLoad, err = b.singles(ctx, ended)
	if e := <-failed; err == nil {
		err = e
	}
	if err == nil {
		err = b.settle(ctx)
	}
	return err
}

// behindHung queues changes of an upstream that hangs, then all others behind them, and times those. In the end
// the upstream is well, and what was parked is done.
func (b *bench) behindHung(ctx context.Context, r *pipelineResult) (err error) {
	b.shop.hung.Store(true)
	stuck := make([]item.Change, max(1, b.SKUs/2))
	for i := range stuck {
		stuck[i] = item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "part", ID: strconv.Itoa(benchBase + i)}, Dimension: "stock"}
	}
	if err := b.alone.PublishChanges(ctx, stuck, bus.PublishOptions{}); err != nil {
		return err
	}
	if r.Hanging, err = b.allUntil(ctx, item.Normal, b.unparked); err != nil {
		return err
	}
	b.shop.hung.Store(false)
	began := time.Now()
	err = b.settle(ctx)
	r.Caught = time.Since(began).Seconds()
	return err
}

// oneKey changes an article 1,000 times while it is in work, and counts the calls.
func (b *bench) oneKey(ctx context.Context) (int64, error) {
	b.shop.answer = max(b.shop.answer, 200*time.Millisecond)
	before := b.shop.calls.Load()
	for range 1000 {
		b.shop.versions[0].Add(1)
		if err := b.bus.PublishChanges(ctx, []item.Change{change(item.Normal, 0)}, bus.PublishOptions{}); err != nil {
			return 0, err
		}
	}
	err := b.settle(ctx)
	return b.shop.calls.Load() - before, err
}

// sweep has every entity looked at, and every blob compared with its records.
func (b *bench) sweep(ctx context.Context) (seconds float64, err error) {
	var out audited
	if err := askAdmin(ctx, b.admin, "/audit?sample=0", &out); err != nil {
		return 0, err
	}
	if out.Dirty+out.Blobs > 0 {
		return 0, fmt.Errorf("%d entities dirty, %d blobs wrong", out.Dirty, out.Blobs)
	}
	return out.Seconds, nil
}

// compare reads every blob through the pages' listener and counts those that differ from the upstream.
func (b *bench) compare(ctx context.Context) (wrong int, err error) {
	for first := 0; first < b.SKUs; first += 100 {
		ids := make([]string, min(100, b.SKUs-first))
		for i := range ids {
			ids[i] = strconv.Itoa(benchBase + first + i)
		}
		body, err := b.get(ctx, b.pages+"/blobs/sku/item?ids="+strings.Join(ids, ","))
		if err != nil {
			return 0, err
		}
		var answer struct {
			Items map[string]struct {
				Data struct{ Product struct{ Rev int64 } }
			}
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return 0, err
		}
		for i, id := range ids {
			if answer.Items[id].Data.Product.Rev != b.shop.versions[first+i].Load() {
				wrong++
			}
		}
	}
	return wrong, nil
}

func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	at := func(q float64) float64 {
		return float64(times[min(len(times)-1, int(q*float64(len(times))))].Microseconds()) / 1000
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
