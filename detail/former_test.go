package detail_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
	"vitrine/switches"
	"vitrine/templates"
)

// restyled is a shop with a page in memory, whose templates can be exchanged, and whose processors can all be kept
// busy.
type restyled struct {
	*shop
	look     atomic.Pointer[templates.Set]
	panel    *switches.Panel
	registry *prometheus.Registry
}

func newRestyled(t *testing.T, change ...func(*detail.Config)) *restyled {
	t.Helper()
	r := &restyled{panel: switches.NewPanel(switches.Identity{Node: "n", Role: "detail"}), registry: prometheus.NewRegistry()}
	r.look.Store(theme(t, nil))
	r.shop = open(t, append(change, func(c *detail.Config) {
		c.Switches, c.Templates, c.Registry = r.panel, r.look.Load, r.registry
	})...)
	t.Cleanup(r.panel.Close)
	r.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`, "brand:9")
	r.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5}}`)
	r.redis.Put("brand:9", "card", 1, `{"brand":{"title":"Acme"}}`)
	for _, path := range []string{"/item/1.html", "/item/1.json"} {
		poll.Until(t, "the page is kept", func() bool { return r.get(t, path).header.Get("X-Vitrine-Source") == "page" })
	}
	return r
}

// occupy has each processor make a page until free is called.
func (r *restyled) occupy(t *testing.T) (free func()) {
	t.Helper()
	hang, entered := make(chan struct{}), make(chan struct{}, 1000)
	r.redis.Set(func(m *kvtest.Memory) { m.Hang, m.Entered = hang, entered })
	var visitors sync.WaitGroup
	for i := range runtime.GOMAXPROCS(0) {
		visitors.Go(func() { r.get(t, fmt.Sprintf("/item/unknown-%d.html", i)) })
		<-entered
	}
	r.redis.Set(func(m *kvtest.Memory) { m.Hang, m.Entered = nil, nil })
	return func() {
		close(hang)
		visitors.Wait()
	}
}

func (r *restyled) restyle(t *testing.T) {
	t.Helper()
	r.look.Store(theme(t, fstest.MapFS{"item.html": {Data: []byte(`<!DOCTYPE html><title>another look</title>`)}}))
}

const anotherLook = "another look"

func TestPagesAreAnsweredInTheirLastFormWhileNoProcessorIsFree(t *testing.T) {
	r := newRestyled(t)
	free := r.occupy(t)
	r.restyle(t)
	got := r.get(t, "/item/1.html")
	if got.status != 200 || strings.Contains(got.body, anotherLook) || got.header.Get("X-Vitrine-Stale") != "1" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v\n%.200s", got.status, got.header, got.body)
	}
	if n := counted(t, r.registry, "vitrine_detail_former_pages_total"); n != 1 {
		t.Errorf("%v pages are told", n)
	}
	free()
	if got := r.get(t, "/item/1.html"); !strings.Contains(got.body, anotherLook) || got.header.Get("X-Vitrine-Stale") != "" {
		t.Errorf("a processor is free, and the page is not made anew: %v\n%.200s", got.header, got.body)
	}
}

func TestAPartThatIsSwitchedOffMayStayForAMoment(t *testing.T) {
	r := newRestyled(t)
	free := r.occupy(t)
	r.panel.Apply(switches.Setting{Name: "part.item.brand", Scope: switches.All, Value: "off", Revision: 1})
	if got := r.get(t, "/item/1.json"); got.status != 200 || !strings.Contains(got.body, "Acme") {
		t.Errorf("%d\n%.200s", got.status, got.body)
	}
	free()
	if got := r.get(t, "/item/1.json"); strings.Contains(got.body, "Acme") {
		t.Errorf("it stays though a processor is free\n%.200s", got.body)
	}
}

func TestTheLastFormHasItsBounds(t *testing.T) {
	t.Run("a shop may want none", func(t *testing.T) {
		r := newRestyled(t, func(c *detail.Config) { c.FormerPages = -1 })
		defer r.occupy(t)()
		r.restyle(t)
		if got := r.get(t, "/item/1.html"); !strings.Contains(got.body, anotherLook) {
			t.Errorf("the last form is answered\n%.200s", got.body)
		}
	})
	t.Run("its time is over", func(t *testing.T) {
		r := newRestyled(t, func(c *detail.Config) { c.FormerPages = time.Nanosecond })
		defer r.occupy(t)()
		r.restyle(t)
		if got := r.get(t, "/item/1.html"); !strings.Contains(got.body, anotherLook) {
			t.Errorf("the last form is answered\n%.200s", got.body)
		}
	})
	t.Run("a part has changed", func(t *testing.T) {
		r := newRestyled(t)
		defer r.occupy(t)()
		r.restyle(t)
		r.redis.Put("sku:1", "offer", 2, `{"price":{"amount":6}}`)
		r.server.Announced(entity(t, "sku:1"), map[string]uint64{"offer": 2})
		if got := r.get(t, "/item/1.html"); !strings.Contains(got.body, anotherLook) {
			t.Errorf("the last form is answered, with a price that is no more\n%.200s", got.body)
		}
	})
}
