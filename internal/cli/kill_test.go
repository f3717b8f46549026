package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/long"
)

// TestKilledItConverges kills vitrine up with SIGKILL at random moments while products are created, edited, deleted
// and created again. Then it compares every page, record and blob with the shop.
func TestKilledItConverges(t *testing.T) {
	t.Parallel()
	products, kills := long.Pick(80, 2000), long.Pick(2, 10)
	binary := built(t)
	s := newShop(t)
	dir, file := home{t.TempDir(), 3}, catalogFor(t, shopCatalog, s.URL)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	load := &editor{shop: s, random: rand.New(rand.NewPCG(seed, 1)), products: products, late: map[item.Change]bool{}}
	for i := range products {
		load.edit(i)
	}
	for range kills {
		p := start(t, binary, dir, file)
		stop := load.run(t, p.NATS)
		<-time.After(time.Duration(300+random.IntN(1200)) * time.Millisecond)
		p.kill()
		stop()
	}
	p := start(t, binary, dir, file)
	load.flush(t, p.NATS)
	p.waitEmpty()
	for _, id := range s.IDs() {
		eventually(t, func() string { return p.differs(s, id) })
	}
	p.kill()
	compare(t, s, dir, file)
}

// process is a vitrine up in a process of its own.
type process struct {
	running
	cmd *exec.Cmd
}

// home is the folder of such a process, and the number of files of its store.
type home struct {
	dir   string
	files int
}

func start(t *testing.T, binary string, in home, file string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, "up", "--dir", in.dir, "--store-shards", strconv.Itoa(in.files), "--catalog", file,
		"--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{running: running{t: t}, cmd: cmd}
	t.Cleanup(p.kill)
	if !p.readAddresses(out, func(r *running) bool { return r.NATS != "" }) {
		p.kill()
		t.Fatalf("up ended before it was ready:\n%s", &stderr)
	}
	return p
}

// waitEmpty waits until nothing is queued. NATS redelivers what a killed process had in work after 30 s without an
// acknowledgement.
func (p *process) waitEmpty() {
	p.t.Helper()
	conn := p.dial()
	eventually(p.t, func() string {
		left, err := conn.Left(p.t.Context())
		if err != nil || left > 0 {
			streams, failed, _ := conn.Pending(p.t.Context())
			return fmt.Sprintf("%d left in the queues, %v, %d failed, %v", left, streams, failed, err)
		}
		return ""
	})
}

// kill ends the process with SIGKILL and waits for its end.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Signal(os.Kill)
		p.cmd.Wait()
	}
}

// editor edits a shop and announces its edits as a careful upstream does: it announces later what it could not
// announce at once.
type editor struct {
	shop     *shop
	random   *rand.Rand
	products int

	mu   sync.Mutex // guards late
	late map[item.Change]bool
}

func (e *editor) edit(i int) {
	id, n := oddID(i), e.random.IntN(10)
	switch {
	case n == 0:
		e.shop.Delete(id)
	default:
		e.shop.Put(id, func(p *product) {
			p.Title, p.Price, p.Brand = fmt.Sprintf("Product %d.%d", i, p.Version), e.random.IntN(1e6), fmt.Sprint(e.random.IntN(9))
		})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.late[item.Change{Lane: item.Lanes()[n%3], Entity: item.Entity{Kind: "sku", ID: id}, Dimension: item.All}] = true
}

// run edits and announces until stop is called. The short form pauses between edits, so that a small machine has time
// to repair.
func (e *editor) run(t *testing.T, nats string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		conn, err := bus.Dial(ctx, bus.Config{URL: nats, Name: "editor", Log: quiet()})
		if err != nil {
			return
		}
		defer conn.Close()
		tick := time.NewTicker(long.Pick(20*time.Millisecond, time.Microsecond))
		defer tick.Stop()
		for ctx.Err() == nil {
			for range long.Pick(5, 20) {
				e.edit(e.random.IntN(e.products))
			}
			e.announceLate(ctx, conn)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// announceLate publishes the announcements that are due. They stay due if that fails.
func (e *editor) announceLate(ctx context.Context, conn *bus.Conn) error {
	e.mu.Lock()
	due := make([]item.Change, 0, len(e.late))
	for c := range e.late {
		due = append(due, c)
	}
	e.mu.Unlock()
	if err := conn.PublishChanges(ctx, due, bus.PublishOptions{}); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range due {
		delete(e.late, c)
	}
	return nil
}

func (e *editor) flush(t *testing.T, nats string) {
	t.Helper()
	conn, err := bus.Dial(t.Context(), bus.Config{URL: nats, Name: "editor", Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := e.announceLate(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
}

// compare opens the store of a stopped vitrine and fails unless every record equals its upstream's answer and every
// blob equals a fold of its records.
func compare(t *testing.T, s *shop, in home, file string) {
	t.Helper()
	store, err := boltkv.OpenShards(t.Context(), in.dir, in.files, boltkv.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, wrong := range storeDiffers(t, s, store, file) {
		t.Error(wrong)
	}
}
