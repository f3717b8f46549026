package admission_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vitrine/detail/admission"
	"vitrine/internal/catalog"
	"vitrine/switches"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPagesAreBounded(t *testing.T) {
	controller := open(t)
	var permits []admission.Permit
	for !controller.Full() {
		permit, err := controller.Admit(request(t, "127.0.0.1:1"))
		if err != nil || len(permits) > 64*runtime.GOMAXPROCS(0) {
			t.Fatalf("%d pages are made at once, want at most 64 for each processor; error %v", len(permits), err)
		}
		permits = append(permits, permit)
	}
	if _, err := controller.Admit(request(t, "127.0.0.1:1")); !errors.Is(err, admission.ErrBusy) {
		t.Error(err)
	}
	permits[0].Release()
	if controller.Full() {
		t.Error("a permit that was released takes room")
	}
}

func TestRendersAreOnePerProcessor(t *testing.T) {
	controller := open(t)
	var now, most atomic.Int64
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() {
			controller.Render(func() {
				n := now.Add(1)
				for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
				}
				runtime.Gosched()
				now.Add(-1)
			})
		})
	}
	wait.Wait()
	if most.Load() > int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d at once", most.Load())
	}
}

func TestCrawlers(t *testing.T) {
	const robot, person = "User-Agent: Somebot/2.1", "User-Agent: Mozilla/5.0"
	// admitted returns how many of n pages are admitted.
	admitted := func(t *testing.T, c *admission.Controller, n int, fields ...string) (made int, crawler bool) {
		for range n {
			permit, err := c.Admit(request(t, "127.0.0.1:1", fields...))
			if err == nil {
				permit.Release()
				made++
				crawler = crawler || permit.Crawler
			}
		}
		return made, crawler
	}
	t.Run("have a share", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := open(t)
			if n, crawler := admitted(t, c, 300, robot); n != 50 || !crawler {
				t.Errorf("%d in no time, known as a crawler: %t", n, crawler)
			}
			time.Sleep(time.Second) // of the fake clock
			if n, _ := admitted(t, c, 300, robot); n != 50 {
				t.Errorf("%d in the next second", n)
			}
			if n, crawler := admitted(t, c, 300, person); n != 300 || crawler {
				t.Errorf("%d for people, taken for crawlers: %t", n, crawler)
			}
		})
	})
	t.Run("have the share that a switch gives them", func(t *testing.T) {
		panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
		defer panel.Close()
		c := open(t, func(c *admission.Config) { c.Switches = panel })
		panel.Apply(switches.Setting{Name: switches.CrawlerBudget, Scope: switches.All, Value: "0", Revision: 1})
		if n, _ := admitted(t, c, 10, robot); n != 0 {
			t.Errorf("%d at 0 percent", n)
		}
		panel.Apply(switches.Setting{Name: switches.Crawlers, Scope: switches.All, Value: "off", Revision: 1})
		if c.ServesCrawlers() {
			t.Error("the switch says no")
		}
	})
	t.Run("are those who read faster than people", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := open(t)
			if n, crawler := admitted(t, c, 300, person, "X-Forwarded-For: 203.0.113.9"); n != 150 || !crawler {
				t.Errorf("%d, known as a crawler: %t", n, crawler)
			}
			if n, crawler := admitted(t, c, 50, person, "X-Forwarded-For: 203.0.113.10"); n != 50 || crawler {
				t.Errorf("another: %d, taken for a crawler: %t", n, crawler)
			}
			time.Sleep(11 * time.Second) // of the fake clock
			if _, crawler := admitted(t, c, 50, person, "X-Forwarded-For: 203.0.113.9"); crawler {
				t.Error("what was read long ago counts")
			}
		})
	})
}

func TestShares(t *testing.T) {
	products := &catalog.Upstream{Name: "products", Concurrency: 16}
	small := &catalog.Upstream{Name: "small", Concurrency: 1}
	greedy := request(t, "203.0.113.9:1")
	t.Run("a visitor has a quarter of an upstream's calls, two at least", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := open(t)
			for upstream, want := range map[*catalog.Upstream]int{products: 4, small: 2} {
				first, second := c.Enter(greedy), c.Enter(greedy)
				var release func()
				for i := range want {
					r, ok := []*admission.Visitor{first, second}[i%2].Acquire(t.Context(), upstream, nil)
					if !ok {
						t.Fatalf("%s: call %d is refused", upstream.Name, i)
					}
					release = r
				}
				waited := make(chan bool)
				go func() {
					r, ok := second.Acquire(t.Context(), upstream, nil)
					r()
					waited <- ok
				}()
				synctest.Wait()
				select {
				case <-waited:
					t.Errorf("%s: one call too many", upstream.Name)
				default:
				}
				other := c.Enter(request(t, "203.0.113.10:1"))
				if r, ok := other.Acquire(t.Context(), upstream, nil); !ok {
					t.Errorf("%s: another visitor is refused", upstream.Name)
				} else {
					r()
				}
				other.Leave()
				release()
				if !<-waited {
					t.Errorf("%s: a call that ended gives no room", upstream.Name)
				}
				first.Leave()
				second.Leave()
			}
		})
	})
	t.Run("a visitor asks a hundred questions a second on average", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := open(t)
			asked := func(peer string, n int) (answered int) {
				v := c.Enter(request(t, peer))
				defer v.Leave()
				for range n {
					if release, ok := v.Acquire(t.Context(), products, nil); ok {
						release()
						answered++
					}
				}
				return answered
			}
			if n := asked("203.0.113.9:1", 1000); n != 401 {
				t.Errorf("%d at once", n)
			}
			time.Sleep(time.Second) // of the fake clock
			if n := asked("203.0.113.9:1", 1000); n != 100 {
				t.Errorf("%d in the next second", n)
			}
			if n := asked("203.0.113.10:1", 100); n != 100 {
				t.Errorf("%d of another", n)
			}
			if n := asked("10.0.0.1:1", 1000); n != 1000 {
				t.Errorf("%d of visitors who can't be told apart", n)
			}
		})
	})
}
