// Package nginxtest runs nginx as deploy/nginx has it, for tests.
package nginxtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vitrine/internal/freeaddr"
	"vitrine/internal/poll"
)

// deployed is the folder of the configuration, from a package's folder.
const deployed = "../../deploy/nginx/"

// Server is an nginx with the configuration of deploy/nginx, and with addresses and folders of a test. It has a plain listener
// beside the TLS one, and takes a visitor's address from X-Forwarded-For.
type Server struct {
	URL    string // plain
	TLS    string // host:port
	Moved  string // of the listener that redirects to TLS
	Dir    string
	Conf   string
	Client *http.Client // trusts the certificate

	t testing.TB
}

// Start starts nginx with another text in place of what a regular expression finds in its configuration. It ends with the test.
func Start(t testing.TB, instead, text string) *Server {
	t.Helper()
	address, tlsAddress, moved := freeaddr.Of(t), freeaddr.Of(t), freeaddr.Of(t)
	n := &Server{t: t, URL: "http://" + address, TLS: tlsAddress, Moved: "http://" + moved, Dir: t.TempDir()}
	n.Conf = filepath.Join(n.Dir, "nginx.conf")
	n.certify()
	conf := read(t, deployed+"nginx.conf")
	for old, now := range map[string]string{
		instead:                               text,
		`listen 80;`:                          "listen " + moved + ";",
		`listen 443 ssl http2;`:               "listen " + address + "; listen " + tlsAddress + " ssl http2;",
		`/etc/nginx/shop\.example`:            n.Dir + "/shop",
		`# set_real_ip_from 192\.0\.2\.0/24;`: "set_real_ip_from 127.0.0.0/8;",
		`# real_ip_header`:                    "real_ip_header",
		`/run/nginx.pid`:                      n.Dir + "/nginx.pid",
		`/var/log/nginx/`:                     n.Dir + "/",
		`/var/cache/nginx/`:                   n.Dir + "/cache-",
		`buffer=64k flush=1s`:                 "",
		`worker_processes auto;`:              "worker_processes 1; daemon off; user root;",
		`proxy_http_version 1\.1;`:            "proxy_http_version 1.1; client_body_temp_path " + n.Dir + "/t1; proxy_temp_path " + n.Dir + "/t2; fastcgi_temp_path " + n.Dir + "/t3; uwsgi_temp_path " + n.Dir + "/t4; scgi_temp_path " + n.Dir + "/t5;",
		`worker_connections \d+;`:             "worker_connections 2048;",
		`include switches\.conf;`:             "include " + n.Dir + "/switches.conf;",
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
	write(t, n.Conf, conf)
	write(t, filepath.Join(n.Dir, "switches.conf"), read(t, deployed+"switches.conf"))
	n.run(address)
	return n
}

// run starts the process, and waits until it listens.
func (n *Server) run(address string) {
	n.t.Helper()
	cmd := exec.Command(Program(n.t), n.args()...)
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if n.t.Failed() {
			n.t.Logf("nginx: %s", n.errors())
		}
	})
	defer func() {
		if n.t.Failed() {
			n.t.Logf("nginx does not listen: %s", n.errors())
		}
	}()
	poll.Until(n.t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

func (n *Server) args() []string {
	return []string{"-c", n.Conf, "-p", n.Dir, "-e", filepath.Join(n.Dir, "error.log")}
}

func (n *Server) errors() []byte {
	log, _ := os.ReadFile(filepath.Join(n.Dir, "error.log"))
	return log
}

// Reload is the command that has this nginx read its configuration again.
func (n *Server) Reload() string {
	return strings.Join(append([]string{Program(n.t)}, append(n.args(), "-s", "reload")...), " ")
}

// StartRooms starts nginx with deploy/nginx/rooms.conf in place of its group of servers: in front of two detail servers in each of
// two rooms, whose addresses are given.
func StartRooms(t testing.TB, east, west [2]string) *Server {
	t.Helper()
	sockets, err := os.MkdirTemp("", "vitrine") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	text := strings.ReplaceAll(read(t, deployed+"rooms.conf"), "/run/", sockets+"/")
	for i := range 2 {
		for room, address := range map[string]string{"10.1.0.1%d:8080": east[i], "10.2.0.1%d:8080": west[i]} {
			was := text
			text = strings.ReplaceAll(text, fmt.Sprintf(room, i+1), address)
			if text == was {
				t.Fatalf("rooms.conf has no "+room, i+1)
			}
		}
	}
	return Start(t, `(?s)\n    upstream vitrine \{.*?\n    \}`, "\n"+text)
}

// certify makes a certificate for the shop, and a client that trusts it.
func (n *Server) certify() {
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
	write(n.t, filepath.Join(n.Dir, "shop.pem"), string(certificate))
	write(n.t, filepath.Join(n.Dir, "shop.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, n.TLS)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DialContext: dial}
	n.t.Cleanup(transport.CloseIdleConnections)
	n.Client = &http.Client{Transport: transport}
}

// Program is the path of nginx.
func Program(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	t.Fatal("no nginx: make deps installs it")
	return ""
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
