package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/internal/freeaddr"
	"vitrine/internal/redistest"
)

// nginx runs the configuration of deploy/nginx with the addresses and folders of this test. It has a plain listener
// beside the TLS one, and takes a visitor's address from X-Forwarded-For.
type nginx struct {
	t       *testing.T
	URL     string // plain
	TLS     string // host:port
	Moved   string // of the listener that redirects to TLS
	Servers string // file with the list of servers
	dir     string
	conf    string
	client  *http.Client // trusts the certificate
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
	n := startNginxWith(t, `include servers\.conf;`, "include "+file+";")
	n.Servers = file
	return n
}

// startNginxWith starts nginx with another text in place of what a regular expression finds in its configuration.
func startNginxWith(t *testing.T, instead, text string) *nginx {
	t.Helper()
	address, tlsAddress, moved := freeaddr.Of(t), freeaddr.Of(t), freeaddr.Of(t)
	n := &nginx{t: t, URL: "http://" + address, TLS: tlsAddress, Moved: "http://" + moved, dir: t.TempDir()}
	n.conf = filepath.Join(n.dir, "nginx.conf")
	n.certify()
	conf := string(readFile(t, "../../deploy/nginx/nginx.conf"))
	for old, now := range map[string]string{
		instead:                               text,
		`listen 80;`:                          "listen " + moved + ";",
		`listen 443 ssl http2;`:               "listen " + address + "; listen " + tlsAddress + " ssl http2;",
		`/etc/nginx/shop\.example`:            n.dir + "/shop",
		`# set_real_ip_from 192\.0\.2\.0/24;`: "set_real_ip_from 127.0.0.0/8;",
		`# real_ip_header`:                    "real_ip_header",
		`/run/nginx.pid`:                      n.dir + "/nginx.pid",
		`/var/log/nginx/`:                     n.dir + "/",
		`/var/cache/nginx/`:                   n.dir + "/cache-",
		`buffer=64k flush=1s`:                 "",
		`worker_processes auto;`:              "worker_processes 1; daemon off; user root;",
		`proxy_http_version 1\.1;`:            "proxy_http_version 1.1; client_body_temp_path " + n.dir + "/t1; proxy_temp_path " + n.dir + "/t2; fastcgi_temp_path " + n.dir + "/t3; uwsgi_temp_path " + n.dir + "/t4; scgi_temp_path " + n.dir + "/t5;",
		`worker_connections \d+;`:             "worker_connections 2048;",
		`include switches\.conf;`:             "include " + n.dir + "/switches.conf;",
	} {
		was := conf
		conf = regexp.MustCompile(old).ReplaceAllLiteralString(conf, now)
		if conf == was {
			t.Fatalf("deploy/nginx/nginx.conf has no %s", old)
		}
	}
	if os.Geteuid() != 0 {
		conf = strings.Replace(conf, "user root;", "", 1)
	}
	write(t, n.conf, conf)
	write(t, filepath.Join(n.dir, "switches.conf"), string(readFile(t, "../../deploy/nginx/switches.conf")))
	cmd := exec.Command(nginxProgram(t), "-c", n.conf, "-p", n.dir, "-e", filepath.Join(n.dir, "error.log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(n.dir, "error.log"))
			t.Logf("nginx: %s", log)
		}
	})
	eventually(t, func() string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(n.dir, "error.log"))
			return fmt.Sprintf("%v: %s", err, log)
		}
		conn.Close()
		return ""
	})
	return n
}

// certify makes a certificate for the shop, and a client that trusts it.
func (n *nginx) certify() {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		n.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(n.t, filepath.Join(n.dir, "shop.pem"), string(certificate))
	write(n.t, filepath.Join(n.dir, "shop.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, n.TLS)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DialContext: dial}
	n.t.Cleanup(transport.CloseIdleConnections)
	n.client = &http.Client{Transport: transport}
}

func nginxProgram(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	t.Fatal("no nginx: make deps installs it")
	return ""
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
			for _, m := range line.FindAllStringSubmatch(string(readFile(t, filepath.Join(n.dir, "vitrine.log"))), -1) {
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
	role(t, "switch agent", v.NATS, filepath.Join(dir, "agent"), "--out", filepath.Join(n.dir, "switches.conf"), "--confirm", freeaddr.Of(t),
		"--reload", n.reload(t))
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
	out := filepath.Join(n.dir, "switches.conf")
	role(t, "switch agent", v.NATS, filepath.Join(dir, "agent"), "--out", out, "--confirm", taken.Addr().String(), "--reload", n.reload(t))
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

// reload is the command that makes this nginx read its configuration again.
func (n *nginx) reload(t *testing.T) string {
	return nginxProgram(t) + " -c " + n.conf + " -p " + n.dir + " -e " + filepath.Join(n.dir, "error.log") + " -s reload"
}
