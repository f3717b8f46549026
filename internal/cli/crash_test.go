package cli_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/failpoint"
	"vitrine/internal/item"
	"vitrine/internal/long"
)

// TestCrashMatrix has vitrine up kill itself at each failpoint, at its first passage and at a later one, while
// everything is being changed, with a store of one file and of three. A run without faults follows, after which nothing
// may differ from the shop. The short form takes the passages and the stores in turns.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	binary := built(t)
	for i, point := range failpoint.Points() {
		both, files := []int{1, 7}, []int{1, 3}
		for _, times := range long.Pick(both[i%2:i%2+1], both) {
			for _, files := range long.Pick(files[i/2%2:i/2%2+1], files) {
				t.Run(fmt.Sprintf("%s:%d, a store of %d", point, times, files), func(t *testing.T) {
					t.Parallel()
					crashAt(t, binary, point, times, files)
				})
			}
		}
	}
}

// editUntilDead edits and announces until the process has died, which may be before anybody has connected to it.
func editUntilDead(t *testing.T, load *editor, p *process) {
	t.Helper()
	conn, err := bus.Dial(t.Context(), bus.Config{URL: p.NATS, Name: "editor", Log: quiet()})
	if err != nil {
		t.Log(err)
		return
	}
	defer conn.Close()
	for range 6 {
		for i := range load.products {
			load.edit(i)
		}
		if load.announceLate(t.Context(), conn) != nil {
			return
		}
	}
}

func crashAt(t *testing.T, binary string, point failpoint.Point, times, files int) {
	products := long.Pick(20, 150)
	s := newShop(t)
	dir, file := home{t.TempDir(), files}, catalogFor(t, shopCatalog, s.URL)
	load := &editor{shop: s, random: rand.New(rand.NewPCG(1, uint64(times))), products: products, late: map[item.Change]bool{}}
	for i := range products {
		load.edit(i)
	}
	p := start(t, binary, dir, file)
	load.flush(t, p.NATS)
	p.waitEmpty()
	p.kill()

	p = start(t, binary, dir, file, fmt.Sprintf("VITRINE_FAILPOINT=%s:%d", point, times))
	editUntilDead(t, load, p)
	if err := p.cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("it ended with %v", err)
	}
	p = start(t, binary, dir, file)
	load.flush(t, p.NATS)
	p.waitEmpty()
	for _, id := range s.IDs() {
		eventually(t, func() string { return p.differs(s, id) })
	}
	p.kill()
	compare(t, s, dir, file)
}
