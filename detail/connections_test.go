package detail_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
)

// keepAlive is a visitor's persistent connection.
type keepAlive struct {
	net.Conn
	in *bufio.Reader
}

func (s *shop) dial(t testing.TB) *keepAlive {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &keepAlive{conn, bufio.NewReader(conn)}
}

// ask sends a request with additional header fields, and reads the response.
func (c *keepAlive) ask(path string, fields ...string) (*http.Response, error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: shop\r\n%s\r\n", path, strings.Join(fields, "")); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res, err
}

// TestTheFastPathTracksItsConnections proves that a connection served by the fast path, whose requests net/http does
// not see, counts as waiting and is closed for others like any connection.
func TestTheFastPathTracksItsConnections(t *testing.T) {
	const most = 20
	for name, begin := range map[string]string{
		"after an answer":    "GET /item/1.html HTTP/1.1\r\nHost: shop\r\n\r\n",
		"before a request":   "",
		"amid a request":     "GET /item/1.html HTTP/1.1\r\nHost: sh",
		"after two requests": "GET /item/1.html HTTP/1.1\r\nHost: shop\r\n\r\nGET /item/1.html HTTP/1.1\r\nHost: shop\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := open(t, func(c *detail.Config) { c.Admission.Connections, c.Registry = most, registry })
			s.redis.Put("sku:1", "item", 1, lamp)
			for range most {
				c := s.dial(t)
				if _, err := io.WriteString(c, begin); err != nil {
					t.Fatal(err)
				}
				for range strings.Count(begin, "\r\n\r\n") {
					res, err := http.ReadResponse(c.in, nil)
					if err != nil {
						t.Fatal(err)
					}
					io.Copy(io.Discard, res.Body)
				}
			}
			for range 2 * most {
				if res, err := s.dial(t).ask("/item/1.html"); err != nil || res.StatusCode != 200 {
					t.Fatalf("%v, error %v; want no error, status 200", res, err)
				}
			}
			if n := counted(t, registry, "vitrine_detail_connections_evicted_total"); n < most {
				t.Errorf("%v closed", n)
			}
		})
	}
}

// TestIdleConnectionsAreSmall proves that a long request head leaves nothing behind in memory.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const visitors, bound = 100, 40 << 10 // bytes; without a long head it is about 20 KiB
	s := open(t)
	s.redis.Put("sku:1", "item", 1, lamp)
	long := "Cookie: " + strings.Repeat("a", 50<<10) + "\r\n"
	if _, err := s.dial(t).ask("/item/1.html", long); err != nil {
		t.Fatal(err)
	}
	before := heap()
	var idle []*keepAlive
	for range visitors {
		c := s.dial(t)
		for range 2 {
			if res, err := c.ask("/item/1.html", long); err != nil || res.StatusCode != 200 {
				t.Fatalf("%v, error %v; want no error, status 200", res, err)
			}
		}
		idle = append(idle, c)
	}
	if each := (int64(heap()) - int64(before)) / visitors; each > bound {
		t.Errorf("%d bytes for each idle connection", each)
	} else {
		t.Logf("%d bytes for each idle connection", each)
	}
	runtime.KeepAlive(idle)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // a second collection frees what pools held
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestNobodyHoldsTheShutdown proves that the response to a visitor who does not read is cut off when the shutdown's
// time is over.
func TestNobodyHoldsTheShutdown(t *testing.T) {
	s := open(t)
	big := `{"product":{"title":"` + strings.Repeat("x", 8<<20) + `"}}`
	s.redis.Put("sku:1", "item", 1, big)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := detail.NewHTTPServer(s.server.Handler(), slog.New(slog.DiscardHandler))
	web.WriteTimeout = time.Hour // so that it does not end the response first
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(web, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /item/1.json HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the response is under way
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.server.Drain(ctx, 100*time.Millisecond, web, l); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		t.Error("the shutdown waits for who does not read")
	}
}

func TestNotReadyBeforeTheEnd(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, lamp)
	if err := s.server.Ready(); err != nil {
		t.Fatal(err)
	}
	s.server.Leave()
	if err := s.server.Ready(); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Error(err)
	}
	if got := s.get(t, "/item/1.html"); got.status != 200 {
		t.Error("it serves on:", got.status)
	}
}
