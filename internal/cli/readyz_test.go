package cli_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/freeaddr"
	"vitrine/internal/redistest"
)

// says waits until base answers a path with the status and a body that contains part.
func says(t *testing.T, base, path string, status int, part string) {
	t.Helper()
	eventually(t, func() string {
		res, err := http.Get(base + path)
		if err != nil {
			return err.Error()
		}
		res.Body.Close()
		got, body := request(t, http.MethodGet, base+path, nil)
		if got != status || !strings.Contains(body, part) {
			return strconv.Itoa(got) + " " + body
		}
		return ""
	})
}

// TestReadyWithoutNATS proves that a worker waiting for its first NATS is alive but not ready, that it is ready while
// NATS is there, and not ready when NATS goes. A detail server stays ready and names what is missing.
func TestReadyWithoutNATS(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 1)
	address, admin := freeaddr.Of(t), freeaddr.Of(t)
	nats, worker := "nats://"+address, "http://"+admin
	args := []string{"heterog", "--nats", nats, "--redis", r.URL, "--dir", t.TempDir(), "--admin", admin}
	w := launch(t, args, func(*running) bool { return true }) // the address is printed once NATS is there
	t.Cleanup(func() {
		if code := w.stop(); code != 0 || t.Failed() {
			t.Errorf("the worker ended with code %d:\n%s", code, w.log())
		}
	})
	says(t, worker, "/healthz", http.StatusOK, "ok")
	says(t, worker, "/readyz", http.StatusServiceUnavailable, "waits until NATS at nats://worker:***@"+address)
	says(t, worker, "/metrics", http.StatusOK, "vitrine_build_info")

	outside := natsAt(t, address)
	if code, out, errs := vitrine(t, "catalog", "push", catalogFor(t, shopCatalog, s.URL), "--nats", nats); code != 0 {
		t.Fatal(out, errs)
	}
	says(t, worker, "/readyz", http.StatusOK, "ready")
	d := detailServer(t, nats, r.URL, t.TempDir())
	says(t, d.Admin, "/readyz", http.StatusOK, "ready")

	outside.Shutdown()
	outside.WaitForShutdown()
	says(t, worker, "/readyz", http.StatusServiceUnavailable, "NATS does not answer")
	says(t, worker, "/healthz", http.StatusOK, "ok")
	says(t, d.Admin, "/readyz", http.StatusOK, "NATS does not answer")
}

// natsAt starts a NATS server at address.
func natsAt(t *testing.T, address string) *server.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{Host: host, Port: number, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	startNATS(t, s)
	return s
}
