package detail_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/switches"
)

// from asks the handler as a peer would, with header fields given as "Name: value".
func (s *shop) from(t testing.TB, peer, path string, fields ...string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = peer
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.server.Handler().ServeHTTP(w, r)
	return w.Code
}

// TestVisitorsBehindProxies: a proxy's visitors are told apart by what trusted proxies say, and by nothing else.
func TestVisitorsBehindProxies(t *testing.T) {
	const pages = 250 // of which one visitor gets 100, and crawlers together some more
	named := func(list string) func(int) []string {
		return func(i int) []string {
			return []string{"X-Forwarded-For: " + strings.ReplaceAll(list, "N", fmt.Sprint(i%250))}
		}
	}
	for _, c := range []struct {
		name, peer, trusted string
		fields              func(i int) []string
		limited             bool
	}{
		{"a public proxy that is trusted", "198.51.100.7:4000", "198.51.100.0/24", named("203.0.113.N"), false},
		{"a carrier's proxy that is trusted", "100.64.0.7:4000", "10.0.0.0/8,100.64.0.0/10", named("203.0.113.N"), false},
		{"a carrier's proxy that is not: nobody", "100.64.0.7:4000", "", named("203.0.113.N"), false},
		{"a private proxy that is not: nobody", "10.0.0.7:4000", "", named("203.0.113.N"), false},
		{"a proxy on this machine", "127.0.0.1:4000", "", named("203.0.113.N"), false},
		{"two proxies, one behind the other", "127.0.0.1:4000", "198.51.100.7", named("203.0.113.N, 198.51.100.7"), false},
		{"IPv6 with a port", "[::1]:4000", "", named("[2001:db8:N::1]:80"), false},
		{"one visitor behind a trusted proxy", "127.0.0.1:4000", "", named("203.0.113.9"), true},
		{"one visitor that invents others", "127.0.0.1:4000", "", named("203.0.113.N, 203.0.113.9"), true},
		{"one visitor of IPv6 that moves within its network", "127.0.0.1:4000", "", named("2001:db8::N"), true},
		{"one public visitor that invents others", "203.0.113.9:4000", "", named("203.0.113.N"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []string
			if c.trusted != "" {
				list = strings.Split(c.trusted, ",")
			}
			proxies, err := detail.ParseProxies(list)
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, func(d *detail.Config) { d.Proxies = proxies })
			refused := 0
			for i := range pages {
				s.redis.put(fmt.Sprintf("sku:%d", i), "item", 1, lamp)
				switch code := s.from(t, c.peer, fmt.Sprintf("/item/%d.html", i), c.fields(i)...); code {
				case 200:
				case 429:
					refused++
				default:
					t.Fatal(code)
				}
			}
			if limited := refused > 0; limited != c.limited {
				t.Errorf("%d of %d refused", refused, pages)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.0/33", "proxy.example", "10.0.0.1:80", "10.0.0"} {
		if _, err := detail.ParseProxies([]string{"10.0.0.1", bad}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAProxyThatNobodyNamedIsTold(t *testing.T) {
	out := &lines{}
	s := open(t, func(c *detail.Config) { c.Log = slog.New(slog.NewJSONHandler(out, nil)) })
	s.redis.put("sku:1", "item", 1, lamp)
	s.redis.put("sku:2", "item", 1, lamp)
	for _, path := range []string{"/item/1.html", "/item/2.html"} {
		s.from(t, "100.64.0.7:4000", path, "X-Forwarded-For: 203.0.113.9")
	}
	if got := out.String(); strings.Count(got, "--trusted-proxy") != 1 || !strings.Contains(got, "100.64.0.7") {
		t.Error(got)
	}
}

// agents says of each whether it is a crawler's.
var agents = map[string]bool{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": true,
	"Googlebot-Image/1.0":                      true,
	"Mozilla/5.0 (compatible; bingbot/2.0)":    true,
	"Mozilla/5.0 (compatible; MJ12bot/v1.4.8)": true,
	"Mozilla/5.0 (compatible; AhrefsBot/7.0)":  true,
	"SemrushBot": true,
	"Mozilla/5.0 (compatible; Baiduspider/2.0)":       true,
	"Mozilla/5.0 (compatible; Yahoo! Slurp)":          true,
	"some crawler":                                    true,
	"Scrapy/2.11":                                     true,
	"Robots of example.com":                           true,
	"Mozilla/5.0 (Linux; Android 9; CUBOT_X19)":       false,
	"Mozilla/5.0 (Linux; Android 11; Cubot Note 20)":  false,
	"Mozilla/5.0 (X11; Linux) Robotics/3.1":           false,
	"Mozilla/5.0 Bottle/1.2":                          false,
	"Mozilla/5.0 (Macintosh; Intel Mac OS X) Abbot/1": false,
	"Spiderman Browser/1.0":                           false,
	"Skyscraperbrowser/1.0":                           false,
	"":                                                false,
	"Mozilla/5.0 (Windows NT 10.0) Firefox/130.0":     false,
}

func TestWhoSaysThatItIsACrawler(t *testing.T) {
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	defer panel.Close()
	s := open(t, func(c *detail.Config) { c.Switches = panel })
	s.redis.put("sku:1", "item", 1, lamp)
	panel.Apply(switches.Setting{Name: switches.Crawlers, Scope: switches.All, Value: "off", Revision: 1})
	for agent, crawler := range agents {
		want := 200
		if crawler {
			want = 503
		}
		if got := s.from(t, "127.0.0.1:1", "/item/1.html", "User-Agent: "+agent); got != want {
			t.Errorf("%q: %d", agent, got)
		}
	}
}

// TestCrawlerPattern: nginx refuses the same.
func TestCrawlerPattern(t *testing.T) {
	for agent, crawler := range agents {
		grep := exec.CommandContext(t.Context(), "grep", "-qiP", "-e", detail.CrawlerPattern)
		grep.Stdin = strings.NewReader(agent + "\n")
		if got := grep.Run() == nil; got != crawler {
			t.Errorf("%q: %v", agent, got)
		}
	}
}
