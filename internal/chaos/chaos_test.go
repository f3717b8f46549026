package chaos_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/long"
)

var (
	seed    = flag.Uint64("seed", 246, "of the plan; the default is one whose short soak has much in it")
	minutes = flag.Float64("minutes", 0, "how long to go on; 0 is an hour for chaos, 20 minutes for the soak, and 10 s in its short form")
	only    = flag.Int("round", -1, "play this round of the plan alone")
	logs    = flag.String("logs", "", "folder for the logs of the processes of a round that failed")
)

const (
	roundLasts = 3 * time.Minute // duration of the faults
	healsIn    = 5 * time.Minute // time after the last fault; a busy machine takes minutes where an idle one takes seconds
)

// TestChaos injects faults into a system for as long as the plan says, and compares everything at the end of each
// round.
func TestChaos(t *testing.T) {
	lasts := time.Duration(*minutes * float64(time.Minute))
	if lasts == 0 {
		long.Only(t) // the soak has one
		lasts = time.Hour
	}
	binary := build(t)
	for number, left := 0, lasts; left > 0; number++ {
		r := plan(*seed, number, min(left, roundLasts))
		left -= r.lasts
		if *only >= 0 && *only != number {
			continue
		}
		t.Run(fmt.Sprintf("seed %d round %d %s", *seed, number, r.system), func(t *testing.T) { r.play(t, binary, number) })
	}
}

// play injects the round's faults, waits until the system has recovered, and compares.
func (r round) play(t *testing.T, binary string, number int) {
	for _, e := range r.events {
		t.Log(e)
	}
	s := newShop()
	e := &editor{shop: s, random: rand.New(rand.NewPCG(*seed, uint64(1000+number))), late: map[item.Change]bool{}, products: products}
	y := newSystem(t, binary, r.system, s)
	t.Cleanup(func() { y.keepLogs(t) })
	e.nats = y.natsURL()
	e.fill()
	ctx, stop := context.WithCancel(t.Context())
	var edits sync.WaitGroup
	edits.Go(func() { e.run(ctx) })
	play(r.events, r.lasts, newInjector(y).carryOut)
	stop()
	edits.Wait()
	began := time.Now()
	if y.heal(t, e); !t.Failed() {
		t.Logf("all was right %.1f s after the last fault", time.Since(began).Seconds())
	}
}

// heal waits until nothing differs from the shop.
func (y *system) heal(t *testing.T, e *editor) {
	deadline := time.Now().Add(healsIn)
	cat := readCatalog(t, y.catalog)
	for err := e.announce(t.Context()); err != nil; err = e.announce(t.Context()) {
		if time.Now().After(deadline) {
			t.Fatalf("the last edits can't be announced: %v", err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	for {
		wrong := y.wrong(t, cat)
		if len(wrong) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d differ %s after the last fault:\n%s", len(wrong), healsIn, strings.Join(wrong[:min(len(wrong), 40)], "\n"))
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	if failed := y.failed(t); len(failed) > 0 {
		t.Errorf("%d dead letters:\n%s", len(failed), strings.Join(failed[:min(len(failed), 20)], "\n"))
	}
	if y.url == "" {
		y.compareBolt(t, cat)
	}
}

// wrong names everything that differs from the shop now.
func (y *system) wrong(t *testing.T, cat *catalog.Catalog) (wrong []string) {
	for _, p := range y.processes {
		if !p.runs() {
			wrong = append(wrong, p.ending())
		}
	}
	if y.url != "" {
		store, err := rediskv.Open(t.Context(), rediskv.Config{URL: y.url, Log: quiet()})
		if err != nil {
			return []string{err.Error()}
		}
		defer store.Close()
		wrong = append(wrong, y.shop.differences(t.Context(), cat, store)...)
	}
	_, stocks := cat.Kinds["sku"].Dimension("stock")
	for name, base := range y.pages() {
		for _, id := range y.shop.ids() {
			if w := y.shop.pageDiffers(t, base, id, stocks == nil); w != "" {
				wrong = append(wrong, fmt.Sprintf("page of %s at %s: %s", id, name, w))
			}
		}
		for _, id := range y.shop.brandIDs() {
			if w := y.shop.relationDiffers(t, base, id); w != "" {
				wrong = append(wrong, fmt.Sprintf("relation of brand %s at %s: %s", id, name, w))
			}
		}
	}
	return wrong
}

// failed lists the dead letters, without those of a dimension that one of the catalogs lacked.
func (y *system) failed(t *testing.T) []string {
	out, err := y.command("queue", "failed", "--nats", y.natsURL())
	if err != nil {
		return []string{err.Error() + ": " + string(out)}
	}
	lines := strings.Split(string(out), "\n")
	return slices.DeleteFunc(lines, func(line string) bool {
		return !strings.HasPrefix(line, `"`) || strings.Contains(line, "not in the catalog")
	})
}

// compareBolt ends up, since only one process can open its store, and compares the contents.
func (y *system) compareBolt(t *testing.T, cat *catalog.Catalog) {
	t.Helper()
	p := y.processes[0]
	p.end(syscall.SIGTERM)
	store, err := boltkv.OpenShards(t.Context(), filepath.Join(y.dir, p.name), y.files, boltkv.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, w := range y.shop.differences(t.Context(), cat, store) {
		t.Error(w)
	}
}

// keepLogs copies the logs of a failed round to where they are kept.
func (y *system) keepLogs(t *testing.T) {
	if !t.Failed() || *logs == "" {
		return
	}
	folder, err := os.MkdirTemp(*logs, "chaos-")
	if err != nil {
		t.Error(err)
		return
	}
	t.Log("logs are in ", folder)
	for _, p := range y.processes {
		if text, err := os.ReadFile(p.log); err == nil {
			os.WriteFile(filepath.Join(folder, p.name+".log"), text, 0o644)
		}
	}
}
