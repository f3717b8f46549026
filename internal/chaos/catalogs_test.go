package chaos_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/canary"
	"vitrine/internal/long"
)

// TestCatalogsComeWhileWorkersAreAway pushes catalogs while one worker of each role is stopped and another restarts,
// so that both go on with the previous catalog. Each catalog has another shape of products, and every other one adds
// a dimension. Every entity and page must be right, and only changes of a removed dimension may be dead letters.
func TestCatalogsComeWhileWorkersAreAway(t *testing.T) {
	binary := build(t)
	for _, kind := range long.Pick([]string{apart}, []string{apart, cluster}) {
		t.Run(kind, func(t *testing.T) {
			s := newShop()
			for n := range long.Pick(60, 1000) {
				s.put(oddID(n), func(p *product) {
					p.Title, p.Brand, p.Price, p.Stock = fmt.Sprintf("Thing %d", n), fmt.Sprint(n%7), 100+n, n
				})
				s.putBrand(fmt.Sprint(n%7), fmt.Sprintf("Brand %d", n%7))
			}
			y := newSystem(t, binary, kind, s)
			t.Cleanup(func() { y.keepLogs(t) })
			y.refresh()
			y.allRight("filled")
			for n := range long.Pick(2, 8) {
				y.pushWhileAway(n)
			}
		})
	}
}

// pushWhileAway pushes the next catalog while the heterog and the syncer of one number are stopped. The others end
// and start again, in half of the cases at once.
func (y *system) pushWhileAway(n int) {
	y.t.Helper()
	stopped := []*process{y.processes[n%2], y.processes[2+n%2]}
	ended := []*process{y.processes[1-n%2], y.processes[3-n%2]}
	if more := y.revision%2 == 0; more {
		y.refresh("--force") // so that the workers have work in hand
	} else {
		y.refresh("--wait") // a change of a dimension that is removed would become a dead letter
	}
	for _, p := range stopped {
		p.signal(syscall.SIGSTOP)
	}
	y.writeCatalog()
	y.push()
	for _, p := range ended {
		p.end(syscall.SIGTERM)
		if !p.start(y.t, y.binary) {
			y.t.Fatalf("%s does not start again", p.name)
		}
	}
	for i := range 5 { // with changes that only the new catalog handles, at first
		y.shop.put(oddID(i), func(p *product) {
			p.Title = fmt.Sprintf("Edit %d", n)
			p.Price = 5000 + n
		})
	}
	y.refresh()
	for _, p := range stopped {
		p.signal(syscall.SIGCONT)
	}
	y.allRight(fmt.Sprintf("catalog %d", y.revision))
}

func (y *system) refresh(more ...string) {
	y.t.Helper()
	args := append([]string{"refresh", "--all", "--nats", y.natsURL(), "--redis", y.url}, more...)
	args = append(args, canary.Secrets(y.upstreams[0].URL, y.upstreams[1].URL)...)
	if out, err := y.command(args...); err != nil {
		y.t.Fatalf("refresh: %v: %s", err, out)
	}
}

// allRight waits until every entity and page agrees with the shop by the catalog in force, and fails for any dead
// letter.
func (y *system) allRight(when string) {
	y.t.Helper()
	began, cat := time.Now(), readCatalog(y.t, y.catalog)
	for {
		wrong := y.wrong(y.t, cat)
		if len(wrong) == 0 {
			break
		}
		if time.Since(began) > healsIn {
			y.t.Fatalf("%s: %d differ after %s:\n%s", when, len(wrong), healsIn, strings.Join(wrong[:min(len(wrong), 40)], "\n"))
		}
		time.Sleep(200 * time.Millisecond)
	}
	y.t.Logf("%s: all was right %.1f s later", when, time.Since(began).Seconds())
	failed := y.failed(y.t) // without those of a dimension that the catalog lacks
	if more := y.revision%2 == 1; more {
		out, err := y.command("queue", "failed", "--nats", y.natsURL())
		failed = strings.Fields(string(out))
		if err != nil {
			y.t.Fatalf("%v: %s", err, out)
		}
	}
	if len(failed) > 0 {
		y.t.Errorf("%s: dead letters:\n%s", when, strings.Join(failed, "\n"))
	}
	if out, err := y.command("queue", "drop", "--all", "--nats", y.natsURL()); err != nil {
		y.t.Fatalf("%v: %s", err, out)
	}
}
