package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/load"
	"vitrine/switches"
)

// Pages measures page requests: workloads with and without memory, requests for batches of blobs, and single reads of
// bbolt files of different sizes.
type Pages struct {
	SKUs        int           // distinct articles
	Rate        float64       // requests a second of each workload
	For         time.Duration // how long each workload runs
	Connections int           // maximum of concurrent requests
	Redis       string        // Redis URL to use in place of bbolt; it must be empty, and is filled
	Slow        int           // visitors that send and read a few bytes at a time, while others are timed
	Bolt        []int         // sizes of the bbolt files whose single reads are timed, in blobs
	Dir         string        // for the state; "" is a temporary folder
	CPU         string        // file for a CPU profile; "" is none
}

// PagesResult is what bench pages prints.
type PagesResult struct {
	Store     string       `json:"store"`
	SKUs      int          `json:"skus"`
	Rate      float64      `json:"rate"`
	Workloads []PagesRun   `json:"workloads"`
	Cold      PagesRun     `json:"zipf_without_memory"`
	KeysShare float64      `json:"keys_share"` // keys asked of the stores per page with memory, relative to without
	Slow      PagesRun     `json:"beside_slow_visitors"`
	Calm      PagesRun     `json:"after_they_left"`
	Single    load.Latency `json:"single_read"`
	Batch     load.Latency `json:"batch_of_100"`
	Bolt      []BoltTimes  `json:"bolt"`
}

// PagesRun is the result of one workload.
type PagesRun struct {
	Workload string      `json:"workload"`
	Result   load.Result `json:"result"`
	Memory   float64     `json:"memory"` // share of answers from page bytes or local blobs
	Keys     float64     `json:"keys"`   // asked of Redis or bbolt, per page
}

// Run measures, and removes all that it created when it ends.
func (p *Pages) Run(ctx context.Context, host Host) (r PagesResult, err error) {
	loop := &Pipeline{SKUs: p.SKUs, Batch: 50, Redis: p.Redis, Dir: p.Dir, CPU: p.CPU}
	err = loop.drive(ctx, host, func(ctx context.Context, b *bench) (err error) {
		p.Dir = loop.Dir
		r, err = p.measure(ctx, b)
		return err
	})
	return r, err
}

func (p *Pages) measure(ctx context.Context, b *bench) (r PagesResult, err error) {
	r = PagesResult{Store: "bbolt", SKUs: p.SKUs, Rate: p.Rate}
	if p.Redis != "" {
		r.Store = "Redis"
	}
	b.host.Log.Info("filling")
	_, err = b.all(ctx, item.Normal)
	if err != nil {
		return r, err
	}
	for _, name := range load.Names {
		b.host.Log.Info("workload", "name", name)
		run, err := p.run(ctx, b, name)
		if err != nil {
			return r, err
		}
		r.Workloads = append(r.Workloads, run)
	}
	b.host.Log.Info("beside slow visitors", "visitors", p.Slow)
	leave := crawl(ctx, strings.TrimPrefix(b.pages, "http://"), p.Slow)
	r.Slow, err = p.run(ctx, b, "zipf")
	leave()
	if err != nil {
		return r, err
	}
	r.Calm, err = p.run(ctx, b, "zipf")
	if err != nil {
		return r, err
	}
	b.host.Log.Info("without memory")
	err = b.flip(ctx, switches.ReadLocal, "off")
	if err != nil {
		return r, err
	}
	r.Cold, err = p.run(ctx, b, "zipf")
	if err != nil {
		return r, err
	}
	r.KeysShare = r.Workloads[0].Keys / r.Cold.Keys
	r.Single, err = b.reads(ctx, 1, p.For)
	if err == nil {
		r.Batch, err = b.reads(ctx, 100, p.For)
	}
	if err != nil {
		return r, err
	}
	for _, n := range p.Bolt {
		b.host.Log.Info("bbolt tier", "blobs", n)
		one, err := timeBolt(ctx, b.host, p.Dir, n)
		if err != nil {
			return r, err
		}
		r.Bolt = append(r.Bolt, one)
	}
	return r, nil
}

// run runs a workload, and counts the keys that the stores are asked for meanwhile.
func (p *Pages) run(ctx context.Context, b *bench, name string) (run PagesRun, err error) {
	before, err := b.storeKeys(ctx)
	if err != nil {
		return run, err
	}
	run.Workload = name
	run.Result, err = b.request(ctx, name, b.paths(mostPaths), load.Config{Rate: p.Rate, For: p.For, Connections: p.Connections, Encoding: "gzip"})
	if err != nil {
		return run, err
	}
	after, err := b.storeKeys(ctx)
	answers := float64(run.Result.Status[200])
	run.Memory = float64(run.Result.Source["page"]+run.Result.Source["local"]) / answers
	run.Keys = (after - before) / answers
	return run, err
}

// mostPaths is how many articles are visited at most: of a larger shop so many, at even distances.
const mostPaths = 200_000

// paths are those of the pages of so many articles at most.
func (b *bench) paths(most int) []string {
	paths := make([]string, min(b.SKUs, most))
	for i := range paths {
		paths[i] = fmt.Sprintf("/item/%d.html", firstID+i*b.SKUs/len(paths))
	}
	return paths
}

// request requests pages as a workload says.
func (b *bench) request(ctx context.Context, workload string, paths []string, c load.Config) (r load.Result, err error) {
	c.Next, err = load.New(workload, paths, 1.05, 1)
	if err != nil {
		return r, err
	}
	c.Addr = strings.TrimPrefix(b.pages, "http://")
	return load.Run(ctx, c)
}

var storeKeys = regexp.MustCompile(`(?m)^vitrine_detail_tier_keys_total\{result="(?:hit|miss)",tier="(?:redis|bolt)"\} (\S+)$`)

// storeKeys is the number of keys asked of Redis or bbolt so far.
func (b *bench) storeKeys(ctx context.Context) (sum float64, err error) {
	body, err := b.get(ctx, b.admin+"/metrics")
	if err != nil {
		return 0, err
	}
	for _, m := range storeKeys.FindAllSubmatch(body, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// flip pushes a switch and waits until it is in force.
func (b *bench) flip(ctx context.Context, name, value string) error {
	panel := switches.NewPanel(switches.Identity{})
	defer panel.Close()
	out, err := control.SetSwitch(ctx, b.bus, panel.Switch(name), switches.Setting{Name: name, Scope: switches.All, Value: value, Author: "bench"}, 0, time.Minute)
	if err == nil && !out.Everywhere() {
		err = fmt.Errorf("%w: %s is not %s everywhere", item.ErrUnavailable, name, value)
	}
	return err
}

// reads times requests for n blobs each, in an open loop of 300 a second.
func (b *bench) reads(ctx context.Context, n int, period time.Duration) (load.Latency, error) {
	paths := make([]string, 2000)
	for i := range paths {
		ids := make([]string, n)
		for k := range ids {
			ids[k] = strconv.Itoa(firstID + rand.IntN(b.SKUs))
		}
		paths[i] = "/blobs/sku/item?ids=" + strings.Join(ids, ",")
	}
	next, err := load.New("uniform", paths, 2, 1)
	if err != nil {
		return load.Latency{}, err
	}
	r, err := load.Run(ctx, load.Config{Addr: strings.TrimPrefix(b.pages, "http://"), Next: next, Rate: 300, For: period})
	return r.Latency, err
}

// crawl opens connections of visitors who send and read a few bytes at a time. The function returned closes them.
func crawl(ctx context.Context, addr string, n int) (leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	request := fmt.Sprintf("GET /item/%d.html HTTP/1.1\r\nHost: slow\r\nX-Padding: %s\r\n\r\n", firstID, strings.Repeat("x", 200))
	for i := range n {
		wait.Go(func() {
			tick := time.NewTicker(200*time.Millisecond + time.Duration(i%100)*time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					ticked(ctx, tick)
					continue
				}
				for at, b := 0, make([]byte, 16); ticked(ctx, tick); at += 16 {
					if at < len(request) {
						_, err = conn.Write([]byte(request[at:min(at+16, len(request))]))
					} else {
						_, err = conn.Read(b)
					}
					if err != nil {
						break // too slow for the server's limits
					}
				}
				conn.Close()
			}
		})
	}
	return func() {
		cancel()
		wait.Wait()
	}
}

// ticked waits for a tick, and reports whether ctx is still alive.
func ticked(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Print writes the result as a table for docs/performance.md, or as JSON.
func (r PagesResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "%s, %d articles, %.0f requests/s in an open loop, server and visitors in one process:\n\n", r.Store, r.SKUs, r.Rate)
	fmt.Fprintln(w, "| workload | answers/s | p50 | p99 | p99.9 | p99.99 ms | from memory | keys asked per page | refused |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	r.Slow.Workload = "zipf beside slow visitors"
	r.Calm.Workload = "zipf when they have left"
	cold := r.Cold
	cold.Workload = "zipf, memory off"
	for _, run := range append(slices.Clone(r.Workloads), r.Slow, r.Calm, cold) {
		l := run.Result.Latency
		fmt.Fprintf(w, "| %s | %.0f | %.2f | %.2f | %.2f | %.2f | %.1f%% | %.3f | %d |\n", run.Workload, run.Result.Rate, l.P50, l.P99, l.P999, l.P9999,
			100*run.Memory, run.Keys, run.Result.Status[429])
	}
	fmt.Fprintf(w, "\nKeys asked of the store per page under zipf: %.3f of what they are with memory off.\n", r.KeysShare)
	fmt.Fprintf(w, "One blob by /blobs, memory off: p50 %.2f, p99 %.2f ms; a hundred: p50 %.2f, p99 %.2f ms (%.1f times the single p99).\n",
		r.Single.P50, r.Single.P99, r.Batch.P50, r.Batch.P99, r.Batch.P99/r.Single.P99)
	fmt.Fprintln(w)
	return printBolt(w, r.Bolt)
}
