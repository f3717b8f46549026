package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
	"vitrine/internal/redistest"
)

// detailServer starts vitrine detail.
func detailServer(t *testing.T, nats, redis, dir string, args ...string) *running {
	t.Helper()
	return role(t, "detail", nats, dir, append([]string{"--redis", redis, "--http", "127.0.0.1:0"}, args...)...)
}

// role starts a role, waits until it has printed its addresses, and stops it when the test ends.
func role(t *testing.T, name, nats, dir string, args ...string) *running {
	t.Helper()
	args = append(append(strings.Fields(name), "--nats", nats, "--dir", dir, "--admin", "127.0.0.1:0"), args...)
	r := launch(t, args, func(r *running) bool { return r.Admin != "" })
	r.NATS = nats
	t.Cleanup(func() {
		if c := r.stop(); c != 0 || t.Failed() {
			t.Logf("%s ended with code %d:\n%s", name, c, r.log())
		}
	})
	return r
}

// TestADetailServerStartsWithoutNATS proves that a detail server that starts without NATS has the catalog and the
// switches that were in force when it last ended, and takes the newest ones once NATS is back.
func TestADetailServerStartsWithoutNATS(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	fill(s, 3)
	address := freeaddr.Of(t)
	dir := t.TempDir()
	file := catalogFor(t, shopCatalog, s.URL)

	v := up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file, "--nats", address)
	v.refreshAll()
	v.converged(s)
	d := detailServer(t, v.NATS, r.URL, filepath.Join(dir, "detail"))
	d.converged(s)
	d.flip(0, "live.offer", "off")
	hidden := func() bool {
		_, _, body := fetch(t, d.Pages+"/live/"+oddID(0))
		return strings.Contains(string(body), `"offer":{"state":"hidden"}`)
	}
	if !hidden() {
		t.Fatal("the switch has no effect")
	}
	d.stop()
	v.stop() // its embedded NATS ends as well

	d = detailServer(t, "nats://"+address, r.URL, filepath.Join(dir, "detail"))
	d.converged(s)
	if !hidden() {
		t.Error("NATS is away, and the switch that was in force is not")
	}
	v = up(t, filepath.Join(dir, "up"), "--redis", r.URL, "--catalog", file, "--nats", address)
	// Wait until both the catalog and the switch are the newest.
	eventually(t, func() string {
		if out := v.stats(); out.Streams == nil {
			return "no streams"
		}
		code, _, _ := vitrine(t, "switch", "set", "live.offer", "on", "--nats", v.NATS)
		if code != 0 || hidden() {
			return "the newest is not in force"
		}
		return ""
	})
}
