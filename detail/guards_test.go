package detail_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
	"vitrine/switches"
)

func TestConditional(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, lamp)
	at := s.get(t, "/item/1.html").header.Get("Last-Modified")
	earlier, err := http.ParseTime(at)
	if err != nil {
		t.Fatal(err)
	}
	before := earlier.Add(-time.Second).Format(http.TimeFormat)
	for _, c := range []struct {
		name   string
		fields []string
		status int
	}{
		{"the same time", []string{"If-Modified-Since: " + at}, 304},
		{"an earlier time", []string{"If-Modified-Since: " + before}, 200},
		{"no time", []string{"If-Modified-Since: yesterday"}, 200},
		{"another tag counts more than the time", []string{"If-Modified-Since: " + at, `If-None-Match: "x"`}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.get(t, "/item/1.html", c.fields...); got.status != c.status {
				t.Errorf("status %d, header %v; want status %d", got.status, got.header, c.status)
			}
		})
	}
}

// TestCrawlers proves how pages respond to the limits on crawlers. The limits themselves are tested in package
// admission.
func TestCrawlers(t *testing.T) {
	const robot = "User-Agent: Mozilla/5.0 (compatible; Somebot/2.1)"
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	t.Cleanup(panel.Close)
	s := open(t, func(c *detail.Config) { c.Switches = panel })
	for i := range 40 {
		s.redis.Put(fmt.Sprintf("sku:%d", i), "item", 1, lamp)
		s.redis.Put(fmt.Sprintf("sku:%d", i), "offer", 1, `{}`)
	}
	t.Run("its sweep is not kept in memory", func(t *testing.T) {
		for range 2 {
			for i := range 40 {
				if got := s.get(t, fmt.Sprintf("/item/%d.html", i), robot); got.status == 200 && got.fromMemory() {
					t.Fatalf("a page that was made for a crawler is served from memory: %v", got.header)
				}
			}
		}
	})
	t.Run("beyond its share it is told to come later, but gets what is in memory", func(t *testing.T) {
		panel.Apply(switches.Setting{Name: switches.CrawlerBudget, Scope: switches.All, Value: "0", Revision: 1})
		poll.Until(t, "the page is in memory", func() bool { return s.get(t, "/item/1.html").header.Get("X-Vitrine-Source") == "page" })
		if got := s.get(t, "/item/1.html", robot); got.status != 200 {
			t.Errorf("/item/1.html: status %d; want status 200", got.status)
		}
		if got := s.get(t, "/item/2.html", robot); got.status != 429 || got.header.Get("Retry-After") == "" {
			t.Errorf("/item/2.html: status %d, header %v; want status 429, a Retry-After", got.status, got.header)
		}
	})
	t.Run("is shed by a switch", func(t *testing.T) {
		panel.Apply(switches.Setting{Name: switches.Crawlers, Scope: switches.All, Value: "off", Revision: 1})
		for range 3 { // by net/http first, then by the fast path
			if got := s.get(t, "/item/1.html", robot); got.status != 503 {
				t.Errorf("/item/1.html: status %d; want status 503", got.status)
			}
			if got := s.get(t, "/item/1.html"); got.status != 200 {
				t.Error("people too:", got.status)
			}
		}
	})
}

func TestAccessLog(t *testing.T) {
	out := &testlog.Buffer{}
	log := detail.NewAccessLog(out, slog.New(slog.DiscardHandler))
	registry := prometheus.NewRegistry()
	s := open(t, func(c *detail.Config) { c.Access, c.Registry = log, registry })
	s.redis.Put("sku:1", "item", 1, lamp)
	s.redis.Put("sku:1", "offer", 1, `{}`)
	poll.Until(t, "the fast path answers", func() bool {
		s.get(t, "/item/1.html?utm=a", `User-Agent: a "b"`, "Referer: http://x.example/")
		return counted(t, registry, "vitrine_detail_hot_total") > 0
	})
	s.get(t, "/nothing")
	ended := make(chan error, 1)
	ctx, cancel := stoppable(t)
	go func() { ended <- log.Run(ctx) }()
	cancel()
	<-ended
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if n := counted(t, registry, "vitrine_detail_requests_total", "404", "none"); n != 1 || !strings.Contains(got[len(got)-1], `"GET /nothing HTTP/1.1" 404 `) {
		t.Error(n, got[len(got)-1])
	}
	for _, line := range got[:len(got)-1] {
		if !strings.HasPrefix(line, "127.0.0.1 - - [") || !strings.Contains(line, `] "GET /item/1.html?utm=a HTTP/1.1" 200 `) || !strings.HasSuffix(line, `"http://x.example/" "a \x22b\x22"`) {
			t.Errorf("no line in the combined log format: %s", line)
		}
	}
}

func stoppable(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
