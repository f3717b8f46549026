package chaos_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/canary"
	"vitrine/internal/freeaddr"
	"vitrine/internal/redistest"
)

// system is everything that runs in a round.
type system struct {
	t         *testing.T
	binary    string
	dir       string
	catalog   string // file of the catalog in force
	shop      *shop
	upstreams []*upstream
	processes []*process
	redis     []*redistest.Server // one server, or the nodes of a Cluster
	url       string              // of Redis; "" if bbolt holds everything
	room      string              // "" where there is only one; its upstreams know who asks by the password
	brokers   *bustest.Cluster    // its NATS, where that is a cluster
	files     int                 // of bbolt

	mu       sync.Mutex // guards all below, and is held while NATS or the catalog changes
	natsAddr string
	nats     *bus.Server // nil where NATS is part of an up
	revision int
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// newSystem starts the processes of a round.
func newSystem(t *testing.T, binary, kind string, s *shop) *system {
	t.Helper()
	dir := t.TempDir()
	y := &system{t: t, binary: binary, dir: dir, catalog: filepath.Join(dir, "catalog.yaml"), shop: s, natsAddr: freeaddr.Of(t), files: 1}
	y.upstreams = []*upstream{newUpstream(t, s), newUpstream(t, s)}
	y.writeCatalog()
	switch kind {
	case beside, apart:
		server := redistest.Single(t)
		y.redis = []*redistest.Server{server}
		y.url = server.URL
	case cluster:
		servers := redistest.Cluster(t)
		y.redis = servers.Nodes[:]
		y.url = servers.URL
	}
	switch kind {
	case embedded:
		y.add("up")
	case sharded:
		y.files = 3
		y.add("up", "--store-shards", "3")
	case beside:
		y.add("up", "--redis", y.url)
		y.add("heterog")
		y.add("syncer")
		y.add("detail")
	default:
		y.startNATS()
		t.Cleanup(y.stopNATS)
		y.push()
		for _, role := range []string{"heterog", "heterog", "syncer", "syncer", "detail", "detail"} {
			y.add(role)
		}
	}
	return y
}

// add starts a process beside the system's NATS and Redis.
func (y *system) add(role string, more ...string) {
	y.t.Helper()
	y.launch(y.process(fmt.Sprintf("%s%d", role, len(y.processes)), role, more...))
}

// launch starts a process.
func (y *system) launch(p *process) {
	y.t.Helper()
	y.processes = append(y.processes, p)
	if !p.start(y.t, y.binary) {
		log, _ := os.ReadFile(p.log)
		y.t.Fatalf("%s does not start:\n%s", p.name, log)
	}
}

// process makes a process with a name of its own, beside the system's NATS and Redis. It is stopped when the test ends.
func (y *system) process(name, role string, more ...string) *process {
	args := []string{"--nats", y.natsURL(), "--redis", y.url}
	if role == "up" {
		args = []string{"--http", freeaddr.Of(y.t), "--nats", y.natsAddr, "--catalog", y.catalog}
	}
	return y.bare(name, role, append(args, more...)...)
}

// bare makes a process that is told by more where NATS and Redis are.
func (y *system) bare(name, role string, more ...string) *process {
	args := []string{role, "--dir", filepath.Join(y.dir, name), "--admin", "127.0.0.1:0"}
	if role == "detail" {
		args = append(args, "--http", freeaddr.Of(y.t))
	}
	args = append(args, canary.Secrets(y.upstreams[0].URL, y.upstreams[1].URL)...)
	p := &process{name: name, args: canary.Args(append(args, more...)), room: y.room, log: filepath.Join(y.dir, name+".log")}
	y.t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		log, err := os.ReadFile(p.log)
		if err != nil {
			y.t.Error(err)
		}
		canary.Search(y.t, "the log of "+name, string(log))
	})
	return p
}

// command runs a command to its end, with passwords that no output may show.
func (y *system) command(args ...string) (out []byte, err error) {
	cmd := exec.Command(y.binary, canary.Args(args)...)
	cmd.Env = append(os.Environ(), canary.ShopVariable+"="+canary.Shop)
	out, err = cmd.CombinedOutput()
	canary.Search(y.t, "vitrine "+args[0], string(out))
	return out, err
}

// natsURL names every server of the room's NATS.
func (y *system) natsURL() string {
	if y.brokers != nil {
		return y.brokers.URL
	}
	return "nats://" + y.natsAddr
}

// pages returns the base URL of each process that serves pages.
func (y *system) pages() map[string]string {
	out := map[string]string{}
	for _, p := range y.processes {
		if url := p.address("pages"); url != "" {
			out[p.name] = url
		}
	}
	return out
}

// writeCatalog writes the next revision of the catalog. The caller holds mu, or is the only goroutine.
func (y *system) writeCatalog() {
	y.revision++
	text := revision(y.revision, y.upstreams[0].URL, y.upstreams[1].URL)
	if err := os.WriteFile(y.catalog, []byte(text), 0o644); err != nil {
		y.t.Error(err)
	}
}

// push pushes the catalog file, and tries again for as long as NATS is away.
func (y *system) push() {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(300 * time.Millisecond) {
		out, err := y.command("catalog", "push", y.catalog, "--nats", y.natsURL(), "--wait", "1s")
		if err == nil || strings.Contains(string(out), "as revision") { // some process did not acknowledge it
			return
		}
	}
	y.t.Error("the catalog could not be pushed for a minute")
}

func (y *system) natsDir() string {
	if y.processes != nil && y.processes[0].args[0] == "up" {
		return filepath.Join(y.dir, y.processes[0].name, "nats")
	}
	return filepath.Join(y.dir, "nats")
}

// startNATS and stopNATS start and stop the NATS of a system of separate roles.
func (y *system) startNATS() {
	server, err := bus.Embed(y.t.Context(), bus.EmbedConfig{Dir: filepath.Join(y.dir, "nats"), Addr: y.natsAddr, Log: quiet()})
	if err != nil {
		y.t.Errorf("NATS does not start: %v", err)
		return
	}
	y.nats = server
}

func (y *system) stopNATS() {
	if y.nats != nil {
		y.nats.Shutdown()
		y.nats = nil
	}
}
