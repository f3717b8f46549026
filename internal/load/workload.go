package load

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
)

// Request is one to send.
type Request struct {
	Path  string
	Agent string        // User-Agent; "" for none
	At    time.Duration // of a recorded request, since the start
}

// Workload gives one request after the other, for a point in time of the run (0 to 1). It is not safe for concurrent
// use.
type Workload func(progress float64) Request

// CrawlerAgent is the User-Agent of the workload "crawler".
const CrawlerAgent = "Mozilla/5.0 (compatible; vitrine-loadbot/1.0)"

// Names lists the workloads that New knows.
var Names = []string{"zipf", "uniform", "crawler", "flash"}

const (
	flashItems = 10  // articles of a flash sale
	flashShare = 0.9 // of the requests, in the middle third of the run
)

// New makes a workload over paths, most popular first. skew is Zipf's exponent, above 1. The same seed gives the same
// requests. An unknown name is an error.
func New(name string, paths []string, skew float64, seed uint64) (Workload, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("workload %s: no paths", name)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	zipf := rand.NewZipf(random, skew, 1, uint64(len(paths)-1))
	if zipf == nil {
		return nil, fmt.Errorf("workload %s: the skew must be above 1, not %g", name, skew)
	}
	next := 0
	switch name {
	case "zipf":
		return func(float64) Request { return Request{Path: paths[zipf.Uint64()]} }, nil
	case "uniform":
		return func(float64) Request { return Request{Path: paths[random.IntN(len(paths))]} }, nil
	case "crawler":
		return func(float64) Request {
			path := paths[next%len(paths)]
			next++
			return Request{Path: path, Agent: CrawlerAgent}
		}, nil
	case "flash":
		return func(progress float64) Request {
			if progress > 1./3 && progress < 2./3 && random.Float64() < flashShare {
				return Request{Path: paths[len(paths)-1-random.IntN(min(flashItems, len(paths)))]} // so far the least popular ones
			}
			return Request{Path: paths[zipf.Uint64()]}
		}, nil
	}
	return nil, fmt.Errorf("workload %q is not one of %s", name, strings.Join(Names, ", "))
}

// maxLogLine bounds a line of an access log.
const maxLogLine = 64 << 10

// ReadLog reads GET requests from an access log in the combined format. odd is the number of lines that it could not
// parse.
func ReadLog(r io.Reader) (all []Request, odd int, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLogLine)
	var first time.Time
	for in.Scan() {
		one, at, ok := parseLine(in.Text())
		if !ok {
			odd++
			continue
		}
		if first.IsZero() {
			first = at
		}
		one.At = max(0, at.Sub(first))
		all = append(all, one)
	}
	return all, odd, in.Err()
}

func parseLine(line string) (r Request, at time.Time, ok bool) {
	_, rest, ok1 := strings.Cut(line, "[")
	stamp, rest, ok2 := strings.Cut(rest, "] \"")
	request, rest, ok3 := strings.Cut(rest, "\"")
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", stamp)
	fields := strings.Fields(request)
	if !ok1 || !ok2 || !ok3 || err != nil || len(fields) != 3 || fields[0] != "GET" || !strings.HasPrefix(fields[1], "/") ||
		strings.ContainsFunc(fields[1], func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return r, at, false
	}
	if quoted := strings.Split(rest, "\""); len(quoted) >= 4 && quoted[3] != "-" && !strings.Contains(quoted[3], "\\x") && !strings.ContainsFunc(quoted[3], unicode.IsControl) {
		r.Agent = quoted[3]
	}
	r.Path = fields[1]
	return r, at, true
}
