package load_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitrine/internal/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func paths(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("/item/%d.html", i+1))
	}
	return all
}

// serve runs a server whose requests h counts.
func serve(t *testing.T, h http.HandlerFunc) (addr string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func workload(t *testing.T, name string, n int) load.Workload {
	t.Helper()
	w, err := load.New(name, paths(n), 1.05, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRun(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		n := len(asked)
		mu.Unlock()
		w.Header().Set("X-Vitrine-Source", "page")
		switch {
		case n%7 == 0:
			w.Header().Set("Connection", "close")
		case n%11 == 0:
			w.Header().Set("X-Vitrine-Stale", "1")
			w.WriteHeader(503)
		}
		fmt.Fprint(w, "hello")
	})
	r, err := load.Run(t.Context(), load.Config{Addr: addr, Next: workload(t, "zipf", 50), Rate: 500, For: 400 * time.Millisecond, Connections: 8, Encoding: "gzip"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 200 || r.Failed != 0 || r.Status[200]+r.Status[503] != 200 || r.Source["page"] != 200 || r.Bytes != 1000 || r.Stale != r.Status[503] {
		t.Errorf("the run's result is %+v", r)
	}
	if asked["/item/1.html"] < asked["/item/30.html"] || len(asked) < 10 {
		t.Error("this is no Zipf:", asked)
	}
}

// TestAStallIsCharged proves that requests go on becoming due while the server stalls, and that each one's latency
// includes its wait.
func TestAStallIsCharged(t *testing.T) {
	const stall = 300 * time.Millisecond
	var once sync.Once
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		once.Do(func() { <-time.After(stall) })
		fmt.Fprint(w, "hello")
	})
	r, err := load.Run(t.Context(), load.Config{Addr: addr, Next: workload(t, "uniform", 5), Rate: 200, For: 400 * time.Millisecond, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Latency.P50 < 20 || r.Latency.Max < float64(stall.Milliseconds()) {
		t.Errorf("the stall is hidden: %+v", r.Latency)
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r, err := load.Run(t.Context(), load.Config{Addr: l.Addr().String(), Next: workload(t, "crawler", 5), Rate: 100, For: 100 * time.Millisecond})
	if err != nil || r.Failed != 10 || len(r.Errors) == 0 {
		t.Errorf("error %v, result %+v; want 10 failed requests with their errors", err, r)
	}
}

// TestAKeptConnectionThatWasClosed proves that a request is sent again where the server has closed the connection that was kept, if that is
// wanted, and that it has failed otherwise.
func TestAKeptConnectionThatWasClosed(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		out.Flush()
		conn.Close()
	})
	for _, again := range []bool{false, true} {
		r, err := load.Run(t.Context(), load.Config{Addr: addr, Next: workload(t, "uniform", 5), Rate: 200, For: 100 * time.Millisecond, Connections: 1, Again: again})
		if err != nil {
			t.Fatal(err)
		}
		if failed := r.Failed > 0; failed == again || again && (r.Status[200] != r.Sent || r.Again == 0) {
			t.Errorf("again is %v: %+v", again, r)
		}
	}
}

func TestWorkloads(t *testing.T) {
	crawler := workload(t, "crawler", 3)
	for i := range 6 {
		if got := crawler(0); got.Path != paths(3)[i%3] || got.Agent != load.CrawlerAgent {
			t.Errorf("request %d is %+v, want one of a crawler for the next path", i, got)
		}
	}
	flash := workload(t, "flash", 1000)
	sold := 0
	for range 1000 {
		var id int
		if fmt.Sscanf(flash(0.5).Path, "/item/%d.html", &id); id > 990 {
			sold++
		}
	}
	if sold < 800 {
		t.Errorf("%d of 1000 want what is on sale", sold)
	}
	if _, err := load.New("zipf", paths(3), 1, 1); err == nil {
		t.Error("a skew of 1 can't be")
	}
	if _, err := load.New("storm", paths(3), 2, 1); err == nil || !strings.Contains(err.Error(), "storm") {
		t.Error(err)
	}
}

func TestReadLog(t *testing.T) {
	all, odd, err := load.ReadLog(strings.NewReader(`127.0.0.1:5 - - [21/Nov/2026:09:00:00 +0000] "GET /item/1.html?a=b HTTP/1.1" 200 5 "-" "Mozilla"
10.0.0.1 - bob [21/Nov/2026:10:00:02 +0100] "GET /item/2.html HTTP/2.0" 200 5 "http://x/" "-"
10.0.0.1 - - [21/Nov/2026:09:00:03 +0000] "POST /item/2.html HTTP/1.1" 200 5 "-" "-"
garbage
10.0.0.1 - - [when] "GET / HTTP/1.1" 200 5 "-" "-"
10.0.0.1 - - [21/Nov/2026:09:00:03 +0000] "GET http://evil/ HTTP/1.1" 200 5 "-" "-"
`))
	if err != nil || odd != 4 || len(all) != 2 {
		t.Fatalf("the log has %v, %d odd lines, error %v; want 2 requests and 4 odd lines", all, odd, err)
	}
	if all[0].Path != "/item/1.html?a=b" || all[0].Agent != "Mozilla" || all[1].At != 2*time.Second || all[1].Agent != "" {
		t.Errorf("the requests of the log are %+v", all)
	}
	asked := make(chan string, 2)
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) { asked <- r.URL.String(); fmt.Fprint(w, "x") })
	r, err := load.Run(t.Context(), load.Config{Addr: addr, Recorded: all, Speed: 20})
	if err != nil || r.Sent != 2 || r.Seconds < 0.09 || <-asked != "/item/1.html?a=b" {
		t.Errorf("error %v, result %+v; want both requests sent at the pace of the log", err, r)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(`127.0.0.1:5 - - [21/Nov/2026:09:00:00 +0000] "GET /item/1.html HTTP/1.1" 200 5 "-" "Mozilla"`)
	f.Fuzz(func(t *testing.T, text string) {
		all, _, _ := load.ReadLog(strings.NewReader(text))
		for _, r := range all {
			if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path+r.Agent, "\r\n") {
				t.Errorf("a request with a line break, or without a path: %q", r)
			}
		}
	})
}
