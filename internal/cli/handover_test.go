package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
	"vitrine/internal/redistest"
)

// TestASecondServerIsNoReplacement proves that a detail server with other addresses is refused the folder of a
// running one, with a clear message, and that the first goes on serving. With the same addresses the second takes
// over: see TestRestartsLoseNothing.
func TestASecondServerIsNoReplacement(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 3)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	folder := filepath.Join(dir, "detail")
	d := detailServer(t, v.NATS, r.URL, folder)
	d.converged(s)
	same := strings.TrimPrefix(d.Pages, "http://")
	_, port, err := net.SplitHostPort(same)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, pages, admin string }{
		{"another port for pages", freeaddr.Of(t), "127.0.0.1:0"},
		{"another port for operators", same, freeaddr.Of(t)},
		{"all interfaces in place of one", ":" + port, "127.0.0.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := vitrine(t, "detail", "--nats", v.NATS, "--redis", r.URL, "--dir", folder, "--http", c.pages, "--admin", c.admin)
			if code != 1 || !strings.Contains(stderr, "--dir "+folder) || !strings.Contains(stderr, "listens on --") {
				t.Errorf("code %d: %s", code, stderr)
			}
			select {
			case code := <-d.ended:
				t.Fatalf("the first server ended with code %d", code)
			default:
			}
			if status, _, _ := fetch(t, d.Pages+"/item/"+oddID(0)+".html"); status != 200 {
				t.Error(status)
			}
		})
	}
}

// TestNotReadyFirst proves that a server that is ending says so at /readyz while it still serves, and that it exits
// with 0 although a visitor does not read. TestNobodyHoldsTheShutdown proves that such a visitor cannot delay it.
func TestNotReadyFirst(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Put("1", func(p *product) { p.Title = strings.Repeat("x", 900<<10) })
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, s.URL), "--shutdown-delay", "5s")
	v.refreshAll()
	v.converged(s)
	address := strings.TrimPrefix(v.Pages, "http://")
	for range 4 { // more in all than a socket's buffers hold
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, strings.Repeat("GET /item/1.json HTTP/1.1\r\nHost: shop\r\n\r\n", 20)); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan int, 1)
	go func() { ended <- v.stop() }()
	eventually(t, func() string {
		if status, _, body := fetch(t, v.Admin+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "shutting down") {
			return fmt.Sprintf("/readyz is %d %s", status, body)
		}
		return ""
	})
	if status, _, _ := fetch(t, v.Pages+"/item/1.json"); status != 200 {
		t.Errorf("a page is %d while it is not ready", status)
	}
	if code := <-ended; code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}
