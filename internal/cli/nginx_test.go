package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
	"vitrine/internal/nginxtest"
	"vitrine/internal/redistest"
)

// nginx runs the configuration of deploy/nginx.
type nginx struct {
	*nginxtest.Server
	t       *testing.T
	Servers string // file with the list of servers
}

// startNginx starts nginx in front of the given servers, and stops it when the test ends.
func startNginx(t *testing.T, servers ...string) *nginx {
	t.Helper()
	var list []string
	for _, s := range servers {
		list = append(list, "server "+strings.TrimPrefix(s, "http://")+" max_fails=3 fail_timeout=2s;\n")
	}
	file := filepath.Join(t.TempDir(), "servers.conf")
	write(t, file, strings.Join(list, ""))
	return &nginx{nginxtest.Start(t, `include servers\.conf;`, "include "+file+";"), t, file}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// get sends a request with header fields given as "Name: value".
func (n *nginx) get(path string, fields ...string) (int, http.Header, string) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.URL+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return w.StatusCode, w.Header, string(body)
}

func TestNginxInFront(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 40)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	a := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "a"))
	b := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "b"))
	a.converged(s)
	b.converged(s)
	n := startNginx(t, a.Pages, b.Pages)
	id := func(i int) string { return url.PathEscape(oddID(i)) }
	page := func(i int) string { return "/item/" + id(i) + ".html" }

	t.Run("an article is one server's, page and live parts alike", func(t *testing.T) {
		for i := range 40 {
			for _, path := range []string{page(i), "/item/" + id(i) + ".json", "/live/" + id(i)} {
				if status, _, body := n.get(path); status != 200 {
					t.Fatal(path, status, body)
				}
			}
		}
		servers := map[string]string{} // article → server
		both := map[string]bool{}
		line := regexp.MustCompile(`"GET /(?:item|live)/([^ /]+?)(?:\.html|\.json)? HTTP/1.1" 200 .* (127\.0\.0\.1:\d+) [0-9.]+`)
		eventually(t, func() string {
			for _, m := range line.FindAllStringSubmatch(string(readFile(t, filepath.Join(n.Dir, "vitrine.log"))), -1) {
				if was := servers[m[1]]; was != "" && was != m[2] {
					t.Fatalf("%s was asked of %s and of %s", m[1], was, m[2])
				}
				servers[m[1]] = m[2]
				both[m[2]] = true
			}
			if len(servers) < 40 {
				return fmt.Sprintf("%d articles in the log", len(servers))
			}
			return ""
		})
		if len(both) != 2 {
			t.Errorf("servers asked: %v", both)
		}
	})
	t.Run("a page is asked for once, whatever its query", func(t *testing.T) {
		for _, query := range []string{"", "?utm_source=mail", "?a=1&b=2"} {
			status, header, _ := n.get(page(1) + query)
			if at := header.Get("X-Cache"); status != 200 || at == "" || at == "MISS" { // on a slow machine the copy may have expired
				t.Error(query, status, header)
			}
		}
	})
	t.Run("each coding has its own bytes", func(t *testing.T) {
		for range 2 {
			for accept, want := range map[string][]string{
				"gzip, deflate, br, zstd": {"zstd", "br", "gzip"}, "gzip, deflate, br": {"br", "gzip"}, "br": {"br"}, "zstd": {"zstd"}, "gzip": {"gzip"}, "zstd;q=0, gzip": {"gzip"}, "identity": {""},
			} {
				if status, header, _ := n.get(page(2), "Accept-Encoding: "+accept); status != 200 || !slices.Contains(want, header.Get("Content-Encoding")) {
					t.Error(accept, status, header)
				}
			}
		}
	})
	t.Run("conditional requests end at nginx", func(t *testing.T) {
		_, header, _ := n.get(page(3))
		if status, _, _ := n.get(page(3), "If-None-Match: "+header.Get("ETag")); status != 304 {
			t.Error(status)
		}
	})
	t.Run("one server gone is not seen", func(t *testing.T) {
		a.stop()
		for i := range 40 {
			if status, _, body := n.get("/live/" + id(i)); status != 200 {
				t.Fatal(status, body)
			}
		}
	})
	t.Run("all servers gone: pages stand", func(t *testing.T) {
		b.stop()
		for i := range 40 {
			if status, _, _ := n.get(page(i)); status != 200 {
				t.Fatal(i, status)
			}
		}
	})
}

// TestNginxObeysSwitches proves that the agent has nginx itself refuse what is switched off, before a detail server
// is asked, and that the acknowledgement says so.
func TestNginxObeysSwitches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 3)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	n := startNginx(t, v.Pages)
	role(t, "switch agent", v.NATS, filepath.Join(dir, "agent"), "--out", filepath.Join(n.Dir, "switches.conf"), "--confirm", freeaddr.Of(t),
		"--reload", n.Reload())
	eventually(t, func() string {
		if _, nodes, _ := vitrine(t, "switch", "nodes", "--nats", v.NATS); !strings.Contains(nodes, "front") {
			return nodes
		}
		return ""
	})
	const robot = "User-Agent: Googlebot/2.1"
	for _, c := range []struct {
		name, path string
		fields     []string
	}{
		{"route.live", "/live/" + url.PathEscape(oddID(0)), nil},
		{"route.blobs", "/blobs/sku/item?ids=" + url.QueryEscape(oddID(0)), nil},
		{"crawlers", "/item/" + url.PathEscape(oddID(0)) + ".html", []string{robot}},
	} {
		if status, _, body := n.get(c.path, c.fields...); status != 200 {
			t.Fatal(c.path, status, body)
		}
		if out := v.flip(0, c.name, "off"); len(out.Acked) != 2 {
			t.Errorf("%s: %+v", c.name, out)
		}
		status, header, body := n.get(c.path, c.fields...)
		if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, "try again") {
			t.Error(c.path, "off:", status)
		}
		if status, _, _ := n.get("/item/" + url.PathEscape(oddID(1)) + ".html"); status != 200 {
			t.Errorf("%s off: a page is %d", c.name, status)
		}
		v.flip(0, c.name, "on")
		eventually(t, func() string {
			if status, _, _ := n.get(c.path, c.fields...); status != 200 {
				return fmt.Sprint(c.path, " does not come back: ", status)
			}
			return ""
		})
	}
}

// TestTheAgentAcknowledgesWhenNginxFollows proves that a reload that fails, or that nginx does not follow, is reported
// and tried again until nginx has followed it.
func TestTheAgentAcknowledgesWhenNginxFollows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)
	n := startNginx(t, v.Pages)
	// nginx is to listen at an address in use. It then silently keeps its old configuration.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	out := filepath.Join(n.Dir, "switches.conf")
	role(t, "switch agent", v.NATS, filepath.Join(dir, "agent"), "--out", out, "--confirm", taken.Addr().String(), "--reload", n.Reload())
	eventually(t, func() string {
		if _, nodes, _ := vitrine(t, "switch", "nodes", "--nats", v.NATS); !strings.Contains(nodes, "front") {
			return nodes
		}
		return ""
	})
	page := "/item/" + url.PathEscape(oddID(0)) + ".html"
	crawl := func() int { status, _, _ := n.get(page, "User-Agent: Googlebot/2.1"); return status }
	eventually(t, func() string {
		_, stdout, _ := vitrine(t, "switch", "set", "crawlers", "off", "--json", "--nats", v.NATS)
		var set switched
		if err := json.Unmarshal([]byte(stdout), &set); err != nil {
			t.Fatal(err, stdout)
		}
		if !slices.ContainsFunc(set.Acked, func(a acked) bool { return strings.Contains(a.Node, "front") && a.Error != "" && a.Value == "" }) {
			return "it is not told that nginx does not obey: " + stdout
		}
		return ""
	})
	taken.Close()
	// No switch is set meanwhile, so the agent must try again by itself. The detail servers refuse crawlers too, but
	// only nginx listens at this address.
	eventually(t, func() string {
		conn, err := net.Dial("tcp", taken.Addr().String())
		if err != nil {
			return fmt.Sprint("the agent does not try again: ", err)
		}
		conn.Close()
		return ""
	})
	if status := crawl(); status != 503 {
		t.Errorf("a crawler gets %d", status)
	}
	v.flip(0, "crawlers", "on")
	if status := crawl(); status != 200 {
		t.Error(status)
	}
}
