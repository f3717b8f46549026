package cli_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

var restarts = flag.Int("restarts", long.Pick(1, 2), "how often TestRestartsLoseNothing restarts the server")

// TestRestartsLoseNothing starts a detail server again and again in the folder of the running one, which it takes
// over from, while visitors send requests without a break. Each request must be answered with 200.
func TestRestartsLoseNothing(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, products)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	folder := filepath.Join(dir, "detail")
	d := detailServer(t, v.NATS, r.URL, folder)
	d.converged(s)
	address := strings.TrimPrefix(d.Pages, "http://")

	var asked, lost atomic.Int64
	stop := make(chan struct{})
	var visitors sync.WaitGroup
	for n := range long.Pick(2, 8) {
		visitors.Go(func() { visit(t, address, s.IDs(), n, stop, &asked, &lost) })
	}
	for i := range *restarts {
		before := asked.Load()
		eventually(t, func() string {
			if _, _, metrics := fetch(t, d.Admin+"/metrics"); !strings.Contains(string(metrics), "\nvitrine_mirror_behind 0\n") {
				return "the server's own file is not complete"
			}
			return ""
		})
		next := detailServer(t, v.NATS, r.URL, folder, "--http", address, "--admin", strings.TrimPrefix(d.Admin, "http://"))
		if next.Pages != d.Pages {
			t.Fatalf("the new server has %s, not %s", next.Pages, d.Pages)
		}
		if code := <-d.ended; code != 0 {
			t.Errorf("restart %d: the old server ended with code %d", i, code)
		}
		d.ended <- 0
		d = next
		if _, header, _ := fetch(t, d.Pages+"/item/"+oddID(1)+".html"); header.Get("X-Vitrine-Source") == "redis" {
			t.Error("the new server is not warm")
		}
		eventually(t, func() string {
			if asked.Load() < before+100 {
				return "nobody asks"
			}
			return ""
		})
	}
	close(stop)
	visitors.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d of %d requests lost", lost.Load(), asked.Load())
	}
	t.Logf("%d requests, %d restarts", asked.Load(), *restarts)
}

// visit requests one page after the other, over one connection for as long as the server keeps it. It retries
// nothing: a request without an answer counts as lost.
func visit(t *testing.T, address string, ids []string, n int, stop chan struct{}, asked, lost *atomic.Int64) {
	var conn net.Conn
	var in *bufio.Reader
	for i := n; ; i++ {
		select {
		case <-stop:
			if conn != nil {
				conn.Close()
			}
			return
		default:
		}
		if conn == nil {
			var err error
			conn, err = net.Dial("tcp", address)
			if err != nil {
				t.Errorf("refused: %v", err)
				lost.Add(1)
				return
			}
			in = bufio.NewReader(conn)
		}
		asked.Add(1)
		keep, err := ask(conn, in, "/item/"+url.PathEscape(ids[i%len(ids)])+".html")
		if err != nil {
			t.Errorf("request %d of visitor %d: %v", i, n, err)
			lost.Add(1)
			return
		}
		if !keep {
			conn.Close()
			conn = nil
		}
	}
}

func ask(conn net.Conn, in *bufio.Reader, path string) (keep bool, err error) {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: shop\r\n\r\n", path); err != nil {
		return false, err
	}
	w, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	defer w.Body.Close()
	if _, err := io.Copy(io.Discard, w.Body); err != nil {
		return false, err
	}
	if w.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s: %s", path, w.Status)
	}
	return !w.Close, nil
}
