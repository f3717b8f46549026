package cli_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/bench"
	"vitrine/internal/freeaddr"
	"vitrine/internal/load"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
	"vitrine/internal/testlog"
)

// elasticShare is how much of a processor each detail server of the full form may use, by its cgroup. So a server that is added adds what it
// can do, on a machine with fewer processors than servers.
const elasticShare = 0.09

var elasticRate = flag.Float64("elastic-rate", 600, "pages a second before they double, in the full form of TestElastic")

// elastic is a group of detail servers behind an nginx, as many as an autoscaler starts.
type elastic struct {
	t       *testing.T
	nginx   *nginx
	args    []string // of each server
	next    load.Workload
	servers []*elasticServer

	mu      sync.Mutex // guards began
	began   time.Time  // of the first load
	windows []window
}

// elasticServer is a detail server that may run.
type elasticServer struct {
	scaled
	group *elastic
	log   testlog.Buffer

	mu    sync.Mutex // guards all below
	cmd   *exec.Cmd  // nil while it does not run
	ended chan struct{}
	free  func() // of its share of a processor
}

// window is some seconds of load.
type window struct {
	At      float64 // seconds since the first load
	What    string
	Rate    float64
	Servers int     // to which visitors went at its end
	Load    float64 // the mean of theirs
	Hits    float64
	P50     float64 // ms
	P99     float64
	Failed  int64
}

// run starts the server, unless it runs.
func (s *elasticServer) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return
	}
	t := s.group.t
	cmd := exec.Command(built(t), append(s.group.args, "--dir", filepath.Join(t.TempDir(), s.name), "--http", s.pages, "--admin", s.admin)...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	s.cmd, s.ended, s.free = cmd, make(chan struct{}), func() {}
	if long.Full() {
		free, err := bench.Quota(cmd.Process.Pid, elasticShare)
		if err != nil {
			t.Error(err)
		} else {
			s.free = free
		}
	}
	go func() {
		defer close(s.ended)
		cmd.Wait()
	}()
}

// end stops the server, and waits until it has ended.
func (s *elasticServer) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.ended
	s.cmd = nil
	s.free()
}

// startElastic starts an nginx in front of so many servers, of which the first two run and are in its list.
func startElastic(t *testing.T, most int, nats, redis string, paths []string) *elastic {
	t.Helper()
	next, err := load.New("zipf", paths, 1.05, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := &elastic{t: t, next: next, args: []string{"detail", "--nats", nats, "--redis", redis, "--page-memory", long.Pick("8", "4"), "--blob-memory", "16"}}
	for i := range most {
		s := &elasticServer{group: e, scaled: scaled{name: fmt.Sprint("detail", i+1), admin: freeaddr.Of(t), pages: freeaddr.Of(t)}}
		s.start, s.stop = s.run, s.end
		e.servers = append(e.servers, s)
		t.Cleanup(func() {
			s.end()
			if t.Failed() {
				t.Logf("%s:\n%s", s.name, s.log.String())
			}
		})
	}
	e.nginx = startNginx(t, e.servers[0].pages, e.servers[1].pages)
	for _, s := range e.servers[:2] {
		s.run()
	}
	for _, s := range e.servers[:2] {
		eventually(t, func() string {
			if status := statusOf(s.admin, "/readyz"); status != http.StatusOK {
				return fmt.Sprintf("%s: /readyz answers %d: %s", s.name, status, s.log.String())
			}
			return ""
		})
	}
	return e
}

// scale starts an autoscaler of the servers.
func (e *elastic) scale(settings ...string) {
	e.t.Helper()
	var processes []scaled
	for _, s := range e.servers {
		processes = append(processes, s.scaled)
	}
	startAutoscaler(e.t, "detail", processes, e.nginx.Servers, e.reload, settings...)
}

// reload has nginx follow its list of servers.
func (e *elastic) reload() error {
	command := strings.Fields(e.nginx.Reload())
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return err
}

// statusOf is the status of an answer of an admin listener; 0 for none.
func statusOf(addr, path string) int {
	r, err := http.Get("http://" + addr + path)
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

var (
	requestsOf = regexp.MustCompile(`(?m)^vitrine_detail_requests_total\{.*\} (\S+)`)
	loadOf     = regexp.MustCompile(`(?m)^vitrine_load_ratio\{.*\} (\S+)`)
)

// sum adds up the values of a metric of the server; 0 where it does not answer.
func (s *elasticServer) sum(metric *regexp.Regexp) (sum float64) {
	r, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0
	}
	for _, m := range metric.FindAllSubmatch(text, -1) {
		one, _ := strconv.ParseFloat(string(m[1]), 64) // it is a number
		sum += one
	}
	return sum
}

// joins waits until a server has answered a visitor, and returns when it did. It must have been ready before.
func (s *elasticServer) joins(ctx context.Context) (at time.Time, err error) {
	for s.sum(requestsOf) == 0 {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return at, fmt.Errorf("%s has no visitors: %w", s.name, ctx.Err())
		}
	}
	if status := statusOf(s.admin, "/readyz"); status != http.StatusOK {
		return at, fmt.Errorf("%s has visitors, and /readyz answers %d", s.name, status)
	}
	return time.Now(), nil
}

// visit requests pages for some seconds. No page may fail.
func (e *elastic) visit(what string, rate float64, period time.Duration) window {
	e.t.Helper()
	w, got, err := e.ask(what, rate, period)
	if err != nil || got.Failed > 0 || got.Sent == 0 || w.Failed > 0 {
		e.t.Errorf("%s: of %d requests %v, no answer to %d: %v %v", what, got.Sent, got.Status, got.Failed, got.Errors, err)
	}
	e.windows = append(e.windows, w)
	return w
}

// ask requests pages for some time.
func (e *elastic) ask(what string, rate float64, period time.Duration) (w window, got load.Result, err error) {
	e.mu.Lock()
	if e.began.IsZero() {
		e.began = time.Now()
	}
	w = window{At: time.Since(e.began).Seconds(), What: what, Rate: rate}
	e.mu.Unlock()
	got, err = load.Run(e.t.Context(), load.Config{
		Addr: strings.TrimPrefix(e.nginx.URL, "http://"), Next: e.next, Rate: rate, For: period,
		Connections: long.Pick(2, 64), Encoding: "gzip", Fields: person,
		Again: true, // a reload of nginx closes kept connections
	})
	w.Hits = 100 * float64(got.Source["page"]) / float64(max(1, got.Sent))
	w.P50, w.P99 = got.Latency.P50, got.Latency.P99
	w.Failed = got.Sent - got.Status[http.StatusOK]
	w.Servers, w.Load = e.loaded()
	return w, got, err
}

// loaded is how many servers have visitors, and the mean of their loads.
func (e *elastic) loaded() (servers int, load float64) {
	list := string(readFile(e.t, e.nginx.Servers))
	for _, s := range e.servers {
		if strings.Contains(list, "server "+s.pages+" ") {
			servers++
			load += s.sum(loadOf)
		}
	}
	return servers, load / float64(max(1, servers))
}

// table prints what was measured.
func (e *elastic) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%8s %-24s %8s %8s %8s %8s %9s %9s %7s\n", "second", "", "pages/s", "servers", "load", "hits %", "p50 ms", "p99 ms", "failed")
	for _, w := range e.windows {
		fmt.Fprintf(&b, "%8.0f %-24s %8.0f %8d %8.2f %8.1f %9.2f %9.2f %7d\n", w.At, w.What, w.Rate, w.Servers, w.Load, w.Hits, w.P50, w.P99, w.Failed)
	}
	return b.String()
}

// TestElastic doubles the visitors of two detail servers behind nginx. The autoscaler of deploy/ starts more by their load, and stops some as
// visitors leave. No page may fail; a server that is added gets visitors only when it is ready; and in the full form the share of pages that
// come from memory stays within five points.
func TestElastic(t *testing.T) {
	if !long.Full() {
		t.Parallel()
	}
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, long.Pick(20, 2000))
	file := catalogFor(t, strings.Replace(shopCatalog, "shared: 60s, swr: 10m, sie: 24h", "shared: 0s", 1), s.URL) // each request is a server's
	v := up(t, filepath.Join(t.TempDir(), "up"), "--redis", r.URL, "--catalog", file)
	v.refreshAll()
	v.converged(s)
	var paths []string
	for _, id := range s.IDs() {
		paths = append(paths, "/item/"+url.PathEscape(id)+".html")
	}
	if long.Full() {
		elasticInFull(t, v.NATS, r.URL, paths)
		return
	}
	e := startElastic(t, 3, v.NATS, r.URL, paths)
	e.scale("EVERY=0.5", "TARGET=0.0001", "UP_AFTER=2", "DOWN_AFTER=1000", "PATIENCE=200")
	joined := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := e.servers[2].joins(ctx)
		joined <- err
	}()
	for going := true; going; {
		e.visit("until 3 has visitors", 40, 500*time.Millisecond)
		select {
		case err := <-joined:
			going = false
			if err != nil {
				t.Error(err)
			}
		default:
		}
	}
	e.visit("three servers", 40, 500*time.Millisecond)
}

// TestAnAddedServerHasThePagesOfTheOthers proves that a server that is started beside another has that one's pages in memory once it is ready.
func TestAnAddedServerHasThePagesOfTheOthers(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s, v := filledShop(t, 10, "--redis", r.URL)
	v.converged(s)
	misses := func(r *running) string {
		for _, id := range s.IDs() {
			if source := sourceOf(t, r.Pages+"/item/"+url.PathEscape(id)+".html"); source != "page" {
				return fmt.Sprintf("%s comes from %s: %s", id, source, r.log())
			}
		}
		return ""
	}
	eventually(t, func() string { return misses(v) })
	eventually(t, func() string { // on a busy machine the answer of the first may come too late
		d := detailServer(t, v.NATS, r.URL, t.TempDir())
		defer d.stop()
		says(t, d.Admin, "/readyz", http.StatusOK, "ready")
		return misses(d)
	})
	joinsAnEmptiedStore(t, s, v, r)
}

// joinsAnEmptiedStore starts a server right after Redis was flushed, while the upstreams hang. It is ready only when it can
// make the pages of the other one.
func joinsAnEmptiedStore(t *testing.T, s *shop, v *running, r *redistest.Server) {
	t.Helper()
	s.Slow(time.Hour)
	r.Flush()
	d := detailServer(t, v.NATS, r.URL, t.TempDir())
	defer d.stop()
	eventually(t, func() string {
		if log := d.log(); !strings.Contains(log, "can't be made yet") {
			return "it does not say that pages can't be made: " + log
		}
		return ""
	})
	says(t, d.Admin, "/readyz", http.StatusServiceUnavailable, "pages")
	s.Slow(0)
	says(t, d.Admin, "/readyz", http.StatusOK, "ready")
	for _, id := range s.IDs() {
		if code, _ := request(t, http.MethodGet, d.Pages+"/item/"+url.PathEscape(id)+".html", nil); code != http.StatusOK {
			t.Errorf("%s is answered with %d once the server is ready", id, code)
		}
	}
}

// sourceOf is where a page comes from.
func sourceOf(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	return w.Header.Get("X-Vitrine-Source")
}
