package detail_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

// twins are the addresses of two equal servers: one with the fast path, one with net/http alone.
type twins struct{ fast, plain string }

func newTwins(t testing.TB, change ...func(*detail.Config)) twins {
	t.Helper()
	s := open(t, change...)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp","brief":"`+strings.Repeat("long ", 400)+`"}}`, "brand:9")
	s.redis.Put("brand:9", "card", 1, `{"title":"Acme"}`)
	s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5}}`)
	s.redis.Put("sku:2", "item", 1, `{"status":{"state":"off"},"product":{"title":"Gone"}}`)
	s.redis.Put("sku:2", "offer", 1, `{}`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := detail.NewHTTPServer(s.server.Handler(), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	t.Cleanup(func() {
		web.Close()
		<-ended
	})
	for _, path := range []string{"/item/1.html", "/item/1.json", "/item/2.html"} {
		for _, coding := range []string{"", "gzip", "br", "zstd"} {
			poll.Until(t, "the page is in memory", func() bool {
				return s.get(t, path, "Accept-Encoding: "+coding).header.Get("X-Vitrine-Source") == "page"
			})
		}
	}
	return twins{strings.TrimPrefix(s.url, "http://"), l.Addr().String()}
}

// talk sends a plain request, which net/http answers, and then the given bytes, cut at the given places. It returns
// the response to these bytes, up to when the server closes the connection or has nothing more to send.
func talk(t testing.TB, addr string, sent []byte, cuts []int) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, plainGet); err != nil {
		t.Fatal(err)
	}
	first, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, first.Body); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(in)
		got <- all
	}()
	for from, i := 0, 0; from < len(sent); i++ {
		to := len(sent)
		if i < len(cuts) && cuts[i] > from && cuts[i] < to {
			to = cuts[i]
		}
		if _, err := conn.Write(sent[from:to]); err != nil {
			break // the server refused what came so far
		}
		from = to
	}
	conn.(*net.TCPConn).CloseWrite()
	return <-got
}

// reply is one response without its date, which may differ.
type reply struct {
	Status string
	Header http.Header
	Body   string
}

// replies parses a stream of responses to requests with the given methods.
func replies(stream []byte, methods []string) (all []reply, rest string) {
	in := bufio.NewReader(bytes.NewReader(stream))
	for i := 0; ; i++ {
		r := &http.Request{Method: "GET"}
		if i < len(methods) {
			r.Method = methods[i]
		}
		w, err := http.ReadResponse(in, r)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				rest = err.Error()
			}
			return all, rest
		}
		body, _ := io.ReadAll(w.Body)
		w.Header.Del("Date")
		w.Header.Del("X-Vitrine-Source") // a page may be in the memory of one and not yet of the other
		w.Header.Del("X-Vitrine-Stale")
		all = append(all, reply{w.Status, w.Header, string(body)})
	}
}

// methodsOf guesses the methods of pipelined requests, which are needed to parse the responses.
func methodsOf(sent []byte) (methods []string) {
	in := bufio.NewReader(bytes.NewReader(sent))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return methods
		}
		io.Copy(io.Discard, r.Body)
		methods = append(methods, r.Method)
	}
}

func (tw twins) compare(t testing.TB, sent []byte, cuts []int) {
	t.Helper()
	methods := methodsOf(sent)
	for try := 0; ; try++ {
		want, wantRest := replies(talk(t, tw.plain, sent, nil), methods)
		got, gotRest := replies(talk(t, tw.fast, sent, cuts), methods)
		diff := cmp.Diff(want, got)
		if diff == "" && wantRest == gotRest {
			return
		}
		if try < 5 && (slices.ContainsFunc(want, gaveUp) || slices.ContainsFunc(got, gaveUp)) {
			continue
		}
		t.Fatalf("sent %.2000q cut at %v: %s\nrest %q and %q", sent, cuts, diff, wantRest, gotRest)
	}
}

// gaveUp reports whether a page was abandoned because the visitor seemed to have left. talk closes its side after
// sending, and net/http may notice that before the page is ready.
func gaveUp(r reply) bool { return strings.HasPrefix(r.Status, "503") }

const (
	plainGet = "GET /item/1.html HTTP/1.1\r\nHost: shop.example\r\nAccept-Encoding: gzip\r\n\r\n"
	otherGet = "GET /nothing HTTP/1.1\r\nHost: shop.example\r\n\r\n"
)

// with is a request for a page in memory with additional header fields.
func with(fields string) string {
	return "GET /item/1.html HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n"
}

// seeds are streams of requests that servers have been known to interpret differently.
var seeds = func() (all []string) {
	for _, odd := range []string{
		"", plainGet, otherGet, otherGet + plainGet, otherGet + "X", otherGet + otherGet + "X", "GET /item/1.json HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /item/1.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/1.html HTTP/1.0\r\nHost: a\r\n\r\n",
		"GET /item/1.html HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
		with("Connection: close"), with("Content-Length: 5") + "hello", with("Content-Length: 0"),
		"POST /item/1.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		with("Transfer-Encoding: chunked\r\nContent-Length: 5") + "0\r\n\r\n",
		with("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
		with("Range: bytes=0-9"), with("Expect: 100-continue"), with("Host: b"), with("X: b\r\n c"), with("X : b"), with(": b"), with("X"),
		with("X: \x01"), with("X: \xff"), with("X: a\rb"), with("X: a\x00b"), with("Trailer: X"), with("TE: trailers"),
		with("Upgrade: websocket\r\nConnection: upgrade"), with("Upgrade: h2c\r\nHTTP2-Settings: AAAA\r\nConnection: Upgrade, HTTP2-Settings"),
		with("X: " + strings.Repeat("a", 5000)), with("X: " + strings.Repeat("a", 90_000)),
		with("Accept-Encoding: gzip;q=0, br;q=0.5"), with("Accept-Encoding: gzip\r\nAccept-Encoding: br"), with("accept-ENCODING: *"),
		with("If-None-Match: *"), with("If-Modified-Since: Fri, 20 Nov 2099 00:00:00 GMT"), with("If-Match: x"), with("If-Unmodified-Since: x"),
		"GET /item/1.html HTTP/1.1\r\n\r\n", "GET /item/1.html HTTP/1.1\r\nHost:\r\n\r\n", "GET /item/1.html HTTP/1.1\nHost: a\n\n",
		"GET /item/1.html HTTP/1.1\r\nHost: a\n\r\n", "GET /item/1.html HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET http://evil.example/item/1.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/1.html?utm_source=x&a=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /item/1.html?a=1 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/1.html# HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/%31.html HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET //item/1.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/../item/1.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET  /item/1.html HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /item/1.html HTTP/1.1 \r\nHost: a\r\n\r\n", "GET /item/1.html HTTP/2.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n",
		"get /item/1.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET /item/1.html http/1.1\r\nHost: a\r\n\r\n", "GET /item/1.html\r\n\r\n",
		"GET /item/2.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\n\r\n",
		"GET /nothing HTTP/1.1\r\nHost: a\r\nX: GET /item/1.html HTTP/1.1\r\n\r\n", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /it", "garbage\r\n\r\n",
	} {
		all = append(all, odd, odd+plainGet, plainGet+odd+plainGet)
	}
	return append(all, "", plainGet+"GET /it")
}()

// TestFastPathAnswersAsNetHTTP sends each seed whole, byte by byte, and in several pieces. The responses of both
// servers must be equal.
func TestFastPathAnswersAsNetHTTP(t *testing.T) {
	registry := prometheus.NewRegistry()
	tw := newTwins(t, func(c *detail.Config) { c.Registry = registry })
	for _, seed := range seeds {
		tw.compare(t, []byte(seed), nil)
		step := max(1, len(seed)/long.Pick(3, 8))
		for cut := 1; cut < len(seed); cut += step {
			tw.compare(t, []byte(seed), []int{cut, cut + 3})
		}
		if len(seed) < 600 {
			var all []int
			for i := 1; i < len(seed); i++ {
				all = append(all, i)
			}
			tw.compare(t, []byte(seed), all)
		}
	}
	if n := counted(t, registry, "vitrine_detail_hot_total"); n < float64(len(seeds)) {
		t.Errorf("only %.0f answers from the fast path", n)
	}
	w, err := http.Get("http://" + tw.plain + "/item/1.html")
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	tag := w.Header.Get("ETag")
	for _, have := range []string{tag, `"x", ` + tag, strings.TrimPrefix(tag, "W/")} {
		tw.compare(t, []byte(plainGet+with("If-None-Match: "+have)+plainGet), nil)
	}
}

// TestFastPathOff proves that the flag leaves all requests to net/http, with the same pages.
func TestFastPathOff(t *testing.T) {
	for name, off := range map[string]bool{"on": false, "off": true} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := open(t, func(c *detail.Config) { c.Registry, c.NoFastPath = registry, off })
			s.redis.Put("sku:1", "item", 1, lamp)
			visitor := s.dial(t)
			ask := func() {
				res, err := visitor.ask("/item/1.html")
				if err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%v, error %v; want no error, status OK", res, err)
				}
			}
			poll.Until(t, "a page comes from memory", func() bool {
				ask()
				return counted(t, registry, "vitrine_detail_tier_keys_total", "page", "hit") > 0
			})
			if off {
				for range 20 {
					ask()
				}
				if n := counted(t, registry, "vitrine_detail_hot_total"); n != 0 {
					t.Errorf("%.0f without net/http", n)
				}
				return
			}
			poll.Until(t, "a page comes without net/http", func() bool {
				ask()
				return counted(t, registry, "vitrine_detail_hot_total") > 0
			})
		})
	}
}

// FuzzFastPath searches for a stream of requests that the fast path and net/http answer differently.
func FuzzFastPath(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), uint16(3), uint16(70))
	}
	tw := newTwins(f)
	f.Fuzz(func(t *testing.T, stream []byte, first, second uint16) {
		if len(stream) > 8<<10 {
			t.Skip()
		}
		tw.compare(t, stream, []int{int(first), int(second)})
	})
}
