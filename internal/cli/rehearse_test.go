package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vitrine/detail"
	"vitrine/internal/redistest"
)

func TestRehearsal(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	for _, id := range []string{"1", "2", "3"} {
		s.Put(id, func(p *product) {
			p.Title = "Article " + id
			p.Brand = "b"
			p.Price = 5
		})
	}
	v := up(t, t.TempDir(), "--redis", r.URL, "--catalog", catalogFor(t, switchCatalog, s.URL))
	code, stdout, stderr := vitrine(t, "refresh", "--kind", "sku", "--ids", "1,2,3", "--wait", "--nats", v.NATS, "--admin", v.Admin)
	if code != 0 {
		t.Fatal(stdout, stderr)
	}
	for _, id := range []string{"1", "2", "3"} {
		v.waitFor(id, `"brand":{`)
		v.waitFor(id, `"price":{`)
	}
	v.waitMirrored()
	rehearse := func(code int, args ...string) (out detail.Rehearsal) {
		t.Helper()
		got, stdout, stderr := vitrine(t, append(append([]string{"switch", "rehearse"}, args...), "--admin", v.Admin, "--dir", v.Dir, "--json")...)
		if got != code {
			t.Fatalf("code %d: %s%s", got, stdout, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			t.Fatal(err, stdout)
		}
		return out
	}
	before, _, _ := vitrine(t, "switch", "history", "--nats", v.NATS)
	if out := rehearse(0, "set", "part.item.brand=off", "live.offer=off"); out.Pages != 3 || out.Changed != 3 || out.Lost["brand"] != 3 || hidden(out) != 3 || len(out.Examples) == 0 {
		t.Errorf("%+v", out)
	}
	if out := rehearse(0, "set", "read.local=off"); out.Same != 3 || out.Changed+out.Failing != 0 {
		t.Errorf("pages are the same without memory: %+v", out)
	}
	if out := rehearse(1, "set", "read.redis=off", "read.bolt=off", "read.records=off"); out.Failing != 3 || out.Statuses["200 → 503"] != 3 {
		t.Errorf("nothing is left to serve from: %+v", out)
	}
	if code, _, stderr := vitrine(t, "switch", "define", "sale", "part.item.brand=off", "--nats", v.NATS); code != 0 {
		t.Fatal(stderr)
	}
	if out := rehearse(0, "apply", "sale", "--nats", v.NATS); out.Changed != 3 || out.Switches["part.item.brand"] != "off" {
		t.Errorf("%+v", out)
	}
	for args, want := range map[string]string{"set nothing=off": "no such switch", "set read.redis": "NAME=VALUE", "set read.redis=perhaps": "on or off", "apply other --nats " + v.NATS: "no set"} {
		code, _, stderr := vitrine(t, append(append([]string{"switch", "rehearse"}, strings.Fields(args)...), "--admin", v.Admin, "--dir", v.Dir)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %s", args, code, stderr)
		}
	}
	if after, _, _ := vitrine(t, "switch", "history", "--nats", v.NATS); after != before {
		t.Error("a rehearsal has set something")
	}

	t.Run("the link shows the page beside itself", func(t *testing.T) {
		_, stdout, _ := vitrine(t, "switch", "rehearse", "set", "part.item.brand=off", "--admin", v.Admin, "--dir", v.Dir)
		link := regexp.MustCompile(`http://\S+/rehearsal\?\S+`).FindString(stdout)
		status, _, body := fetch(t, link)
		frames := regexp.MustCompile(`src="([^"]+)"`).FindAllStringSubmatch(string(body), -1)
		if status != http.StatusOK || len(frames) != 2 {
			t.Fatal(link, status, string(body))
		}
		for i, frame := range frames {
			status, header, page := fetch(t, v.Admin+strings.ReplaceAll(frame[1], "&amp;", "&"))
			if status != 200 || strings.Contains(string(page), "Brand b") == (i == 1) || header.Get("Content-Security-Policy") == "" {
				t.Errorf("frame %d, %s: %d %.300s", i, frame[1], status, page)
			}
			style := regexp.MustCompile(`href="(/assets/[^"]+)"`).FindStringSubmatch(string(page))
			if style == nil {
				t.Fatal("a page without style")
			}
			if status, _, _ := fetch(t, v.Admin+style[1]); status != 200 {
				t.Error(style[1], status)
			}
		}
	})
}

// hidden is the number of pages on which the rehearsed setting hides the live part offer. On a busy machine the
// rehearsal may be an older one.
func hidden(r detail.Rehearsal) int {
	return r.Live["offer: fresh → hidden"] + r.Live["offer: last → hidden"]
}

// TestRulesThrowSwitches pushes a rule that is always true. Its switch must be thrown, reported, and taken back.
func TestRulesThrowSwitches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	dir := t.TempDir()
	v := up(t, filepath.Join(dir, "up"), "--catalog", catalogFor(t, shopCatalog, s.URL))
	file := filepath.Join(dir, "rules.yaml")
	push := func(text string) (int, string) {
		write(t, file, text)
		code, stdout, stderr := vitrine(t, "switch", "rules", "push", file, "--nats", v.NATS)
		return code, stdout + stderr
	}
	if code, out := push("rules: [{ name: always, signal: mood, above: 1, set: intake.refresh=off }]"); code != 1 || !strings.Contains(out, "mood") {
		t.Error(code, out)
	}
	if code, out := push("rules: [{ name: always, signal: memory, above: 1, for: 1s, set: intake.refresh=off, hold: 1h }]"); code != 0 {
		t.Fatal(out)
	}
	moved := func() map[string]string { // switch → what explain says of its value
		_, stdout, _ := vitrine(t, "explain", "sku:"+oddID(0), "--admin", v.Admin)
		values := map[string]string{}
		for line := range strings.Lines(stdout) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "switch "); ok {
				name, value, _ := strings.Cut(rest, " is ")
				values[name] = value
			}
		}
		return values
	}
	eventually(t, func() string {
		if got := moved()["intake.refresh"]; !strings.HasPrefix(got, "off") {
			return "the rule has not thrown its switch: " + got
		}
		return ""
	})
	eventually(t, func() string { // a busy process may be too late for one call
		_, got, _ := vitrine(t, "switch", "get", "intake.refresh", "--nats", v.NATS)
		if !strings.HasPrefix(got, "off\n") || !strings.Contains(got, "thrown by the rule always: memory is ") || !strings.Contains(got, "until") {
			return "switch get does not tell: " + got
		}
		return ""
	})
	v.flip(0, "automaton", "off")
	eventually(t, func() string {
		if got := moved()["intake.refresh"]; got != "" {
			return "it is not taken back: " + got
		}
		return ""
	})
	t.Run("each signal is known", func(t *testing.T) {
		v.flip(0, "automaton", "on")
		if code, out := push(`limit: 10
rules:
  - { name: r1, signal: cpu, above: -1, for: 1s, set: part.item.brand=off }
  - { name: r2, signal: errors, above: -1, for: 1s, set: crawler.budget=7 }
  - { name: r3, signal: queue, above: -1, for: 1s, set: sweep.pace=50 }
  - { name: r4, signal: latency.bolt, above: -1, for: 1s, set: compression=fast }
  - { name: r5, signal: upstream.shop, above: -1, for: 1s, set: ttl.factor=200 }`); code != 0 {
			t.Fatal(out)
		}
		missing := []string{"part.item.brand", "crawler.budget", "sweep.pace", "compression", "ttl.factor"}
		n := 0
		eventually(t, func() string {
			n++
			vitrine(t, "refresh", "--kind", "sku", "--ids", oddID(0), "--force", "--nats", v.NATS, "--admin", v.Admin) // one call of the upstream
			fetch(t, fmt.Sprintf("%s/item/nobody-%d.html", v.Pages, n))                                                // one read of bbolt
			thrown := moved()
			missing = slices.DeleteFunc(missing, func(name string) bool { return thrown[name] != "" })
			if len(missing) > 0 {
				return fmt.Sprint("not thrown: ", missing)
			}
			return ""
		})
	})
	if _, shown, _ := vitrine(t, "switch", "rules", "show", "--nats", v.NATS); !strings.Contains(shown, "name: r1") {
		t.Error(shown)
	}
}
