package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/load"
)

type loadCommand struct {
	URL         string        `arg:"" help:"Address of the pages." default:"http://127.0.0.1:8080" optional:""`
	Workload    string        `help:"Distribution of requests: zipf (few articles are popular), uniform, crawler (one article after the other), flash (a sale of ten articles in the middle third)." enum:"zipf,uniform,crawler,flash" default:"zipf"`
	IDs         int           `name:"ids" help:"Articles 1 to N." default:"1000" placeholder:"N"`
	Path        string        `help:"Path of a page; {id} stands for the article." default:"/item/{id}.html"`
	Paths       string        `help:"File with one path per line, most popular first, in place of --ids." type:"existingfile" placeholder:"FILE"`
	Log         string        `help:"Access log in the combined format, replayed at its own times." type:"existingfile" placeholder:"FILE"`
	Speed       float64       `help:"Speed of --log: 2 is twice as fast." default:"1"`
	Rate        float64       `help:"Requests per second, independent of the answers; 0 is as fast as the connections allow." default:"1000"`
	For         time.Duration `help:"How long." default:"10s"`
	Connections int           `help:"Greatest number of concurrent requests." default:"64"`
	Encoding    string        `help:"Accept-Encoding; empty for none." default:"gzip"`
	Skew        float64       `help:"Exponent of zipf." default:"1.05"`
	Seed        uint64        `help:"Random seed; the same seed gives the same requests." default:"1"`
	Beyond      bool          `name:"beyond-loopback" help:"Allow a server on another machine. Use it only for servers of your own, whose operators know."`
	JSON        bool          `name:"json" help:"Print JSON."`
}

func (loadCommand) Help() string {
	return `Examples:
  vitrine load --rate 5000 --for 30s
  vitrine load --workload flash --ids 50000 --connections 256
  vitrine load --log access.log --speed 10

Open loop: a latency counts from when its request was due, so a server that stalls is charged for all requests
that came due meanwhile. Exit code 1 if a request got no answer.`
}

// Run is vitrine load.
func (l *loadCommand) Run(e *env) error {
	cfg, err := l.config()
	if err != nil {
		return err
	}
	if l.Log != "" {
		if err := l.readLog(e, &cfg); err != nil {
			return err
		}
	}
	progress := progressTo(e.stderr)
	cfg.Progress = func(done float64, sent int64) { progress(fmt.Sprintf("%3.0f%%  %d sent", 100*done, sent)) }
	r, err := load.Run(e.ctx, cfg)
	progress("")
	if err != nil {
		return err
	}
	if l.JSON {
		err = json.NewEncoder(e.stdout).Encode(r)
	} else {
		err = printLoad(e.stdout, r)
	}
	if err == nil && r.Failed > 0 {
		err = errReported
	}
	return err
}

func (l *loadCommand) config() (cfg load.Config, err error) {
	u, err := url.Parse(l.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return cfg, usagef("%q is no http:// URL", l.URL)
	}
	if l.Rate < 0 || l.For <= 0 || l.Connections < 1 || l.IDs < 1 || l.Speed <= 0 {
		return cfg, usagef("--for, --connections, --ids and --speed must be positive, --rate not negative")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "80"
	}
	if ip := net.ParseIP(host); !l.Beyond && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return cfg, usagef("%s is not on this machine; to load a server of yours: --beyond-loopback", host)
	}
	cfg = load.Config{Addr: net.JoinHostPort(host, port), Rate: l.Rate, For: l.For, Connections: l.Connections, Encoding: l.Encoding, Speed: l.Speed}
	if l.Log != "" {
		return cfg, nil
	}
	paths, err := l.paths()
	if err != nil {
		return cfg, err
	}
	cfg.Next, err = load.New(l.Workload, paths, l.Skew, l.Seed)
	if err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

func (l *loadCommand) paths() (paths []string, err error) {
	if l.Paths == "" {
		for i := range l.IDs {
			paths = append(paths, strings.ReplaceAll(l.Path, "{id}", strconv.Itoa(i+1)))
		}
		return paths, nil
	}
	f, err := os.Open(l.Paths)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if path := strings.TrimSpace(in.Text()); strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " \t") {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no line begins with a /", l.Paths)
	}
	return paths, nil
}

func (l *loadCommand) readLog(e *env, cfg *load.Config) error {
	f, err := os.Open(l.Log)
	if err != nil {
		return err
	}
	defer f.Close()
	requests, odd, err := load.ReadLog(f)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Log, err)
	}
	if odd > 0 {
		fmt.Fprintf(e.stderr, "%s: %d lines are no GET in the combined format\n", l.Log, odd)
	}
	if len(requests) == 0 {
		return errors.New(l.Log + ": no request to replay")
	}
	cfg.Recorded = requests
	cfg.For = 0
	return nil
}

func printLoad(w io.Writer, r load.Result) error {
	fmt.Fprintf(w, "%d requests in %.1f s, %.0f answers/s, %.0f good, %.1f MB/s\n", r.Sent, r.Seconds, r.Rate, r.Good, float64(r.Bytes)/r.Seconds/1e6)
	line := func(name string, l load.Latency) {
		fmt.Fprintf(w, "%-10s p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  p99.99 %.2f  max %.2f ms\n", name, l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max)
	}
	line("all", r.Latency)
	line("good", r.GoodTimes)
	for _, code := range slices.Sorted(maps.Keys(r.Status)) {
		fmt.Fprintf(w, "status     %d: %d\n", code, r.Status[code])
	}
	for _, source := range slices.Sorted(maps.Keys(r.Source)) {
		fmt.Fprintf(w, "from       %s: %d\n", source, r.Source[source])
	}
	for _, text := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(w, "no answer  %d: %s\n", r.Errors[text], text)
	}
	_, err := fmt.Fprintf(w, "stale %d, no answer %d, not sent in time %d\n", r.Stale, r.Failed, r.Unsent)
	return err
}
