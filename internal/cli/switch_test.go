package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/redistest"
	"vitrine/switches"
)

const switchCatalog = `
version: 1
upstreams: { shop: { url: "%[1]s" }, dealers: { url: "%[1]s" } }
entities:
  sku:
    dimensions:
      product: { from: shop, get: "/products/{id}", pick: '{title: .name, brand_id}', refs: { brand: { kind: brand, field: brand_id } } }
      price: { from: dealers, get: "/prices/{id}" }
    blobs: { item: { of: [product] }, offer: { of: [price] } }
  brand:
    dimensions: { brand: { from: shop, get: "/brands/{id}" } }
    blobs: { card: { of: [brand], fold: .brand } }
live:
  offer: { blob: offer }
  dealer: { from: dealers, get: "/prices/{id}", deadline: 5s, fresh: 1ms, fallback: hide }
pages:
  item: { path: "/item/{sku}.html", blob: item, overlay: [offer], with: { brand: card }, live: [offer, dealer], template: item.html }
`

type switched struct {
	Name, Value string
	Revision    uint64
	Acked       []acked
	Missing     []string
	Why         map[string]string
}

// acked is what one process acknowledged.
type acked struct {
	Node, Value, Error string
	MS                 float64
	OverriddenBy       *switches.Setting `json:"overridden_by"`
}

// flip runs vitrine switch set and fails the test at another exit code.
func (r *running) flip(code int, name, value string, args ...string) (out switched) {
	r.t.Helper()
	if code == 0 {
		args = append(args, "--wait", "60s") // it returns as soon as all processes have acknowledged
	}
	got, stdout, stderr := vitrine(r.t, append([]string{"switch", "set", name, value, "--json", "--nats", r.NATS}, args...)...)
	if got != code {
		r.t.Fatalf("switch set %s %s: code %d: %s%s", name, value, got, stdout, stderr)
	}
	if code != 2 {
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			r.t.Fatal(err, stdout)
		}
	}
	return out
}

// TestEachSwitch proves the effect of each switch from outside: when off, and when on again. It fails for a declared switch
// without a case.
func TestEachSwitch(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := newShop(t)
	s.Put("1", func(p *product) {
		p.Title = "One"
		p.Brand = "b"
		p.Price = 5
	})
	v := up(t, t.TempDir(), "--redis", r.URL, "--catalog", catalogFor(t, switchCatalog, s.URL))
	conn := v.dial()
	publish := func(lane item.Lane, dimension string) {
		t.Helper()
		publish(t, conn, item.Change{Lane: lane, Entity: item.Entity{Kind: "sku", ID: "1"}, Dimension: dimension})
	}
	publish(item.High, item.All)
	v.waitFor("1", `"brand":{`)
	v.waitFor("1", `"price":{`)
	v.waitMirrored()

	page := func() string { _, _, body := fetch(t, v.Pages+"/item/1.json"); return string(body) }
	source := func() string { _, header, _ := fetch(t, v.Pages+"/item/1.json"); return header.Get("X-Vitrine-Source") }
	live := func() string { _, _, body := fetch(t, v.Pages+"/live/1"); return string(body) }
	expect := func(what string, ok func() bool) {
		t.Helper()
		eventually(t, func() string {
			if ok() {
				return ""
			}
			return fmt.Sprintf("%s: from %s, %s, %s", what, source(), page(), live())
		})
	}
	covered := map[string]bool{switches.Automata: true} // by TestRulesThrowSwitches
	run := func(names string, f func(t *testing.T)) {
		for name := range strings.SplitSeq(names, ", ") {
			covered[name] = true
		}
		t.Run(names, f)
	}
	for _, c := range []struct {
		name    string
		off, on func() bool
	}{
		{"read.local", func() bool { return source() == "redis" }, func() bool { return source() == "local" || source() == "page" }},
		{"overlay.item.offer", func() bool { return !strings.Contains(page(), `"price"`) }, func() bool { return strings.Contains(page(), `"price"`) }},
		{"part.item.brand", func() bool { return !strings.Contains(page(), "Brand b") }, func() bool { return strings.Contains(page(), "Brand b") }},
		{"live.offer", func() bool { return strings.Contains(live(), `"offer":{"state":"hidden"}`) }, func() bool { return strings.Contains(live(), `"offer":{"state":"fresh"`) }},
		{"live.dealer", func() bool { return strings.Contains(live(), `"dealer":{"state":"hidden"}`) }, func() bool { return strings.Contains(live(), `"dealer":{"state":"fresh"`) }},
	} {
		run(c.name, func(t *testing.T) {
			if out := v.flip(0, c.name, "off"); len(out.Acked) != 1 || len(out.Missing) != 0 {
				t.Errorf("%+v", out)
			}
			expect("off", c.off)
			if code, out, _ := vitrine(t, "explain", "sku:1", "--admin", v.Admin); code != 0 || !strings.Contains(out, "switch "+c.name+" is off") {
				t.Errorf("explain does not tell: %s", out)
			}
			v.flip(0, c.name, "on")
			expect("on again", c.on)
		})
	}
	run("read.redis, read.bolt", func(t *testing.T) {
		v.flip(0, "read.local", "off")
		v.flip(0, "read.redis", "off")
		expect("off", func() bool { return source() == "bolt" })
		v.flip(0, "read.bolt", "off")
		if from := source(); from == "bolt" || from == "redis" {
			t.Errorf("both are off, and the page is from %s", from)
		}
		v.flip(0, "read.redis", "on")
		expect("Redis again", func() bool { return source() == "redis" })
		v.flip(0, "read.bolt", "on")
		v.flip(0, "read.local", "on")
	})
	run("upstream.dealers", func(t *testing.T) {
		v.flip(0, "upstream.dealers", "off")
		s.Put("1", func(p *product) {
			p.Title = "Two"
			p.Price = 6
		})
		publish(item.Normal, "price")
		publish(item.Normal, "product")
		v.waitFor("1", `"title":"Two"`)
		eventually(t, func() string {
			if n := v.stats().Streams["PARKED"]["normal"]; n.Waiting+n.InFlight == 0 {
				return "its change is not parked"
			}
			return ""
		})
		expect("nobody asks it for live parts", func() bool { return strings.Contains(live(), `"dealer":{"state":"hidden"}`) })
		if strings.Contains(page(), `"amount":6`) {
			t.Error("an upstream that is off was asked")
		}
		v.flip(0, "upstream.dealers", "on")
		v.waitFor("1", `"amount":6`)
	})
	for _, c := range []struct{ name, path, agent string }{
		{"route.live", "/live/1", ""}, {"route.blobs", "/blobs/sku/item?ids=1", ""}, {"route.relations", "/relations/brand/b/brand", ""},
		{"crawlers", "/item/1.html", "Somebot/1.0"},
	} {
		run(c.name, func(t *testing.T) {
			status := func() int { return statusFor(t, v.Pages+c.path, c.agent) }
			if c.name == "route.relations" {
				if status() != 404 { // the ref is not public, but its upstream is asked
					t.Fatal(status())
				}
			} else if status() != 200 {
				t.Fatal(status())
			}
			v.flip(0, c.name, "off")
			expect("off", func() bool { return status() == 503 })
			v.flip(0, c.name, "on")
			expect("on again", func() bool { return status() != 503 })
		})
	}
	run("crawler.budget", func(t *testing.T) {
		v.flip(0, "read.local", "off") // pages in memory are still served
		v.flip(0, "crawler.budget", "0")
		expect("no budget", func() bool { return statusFor(t, v.Pages+"/item/1.html", "Somebot/1.0") == 429 })
		v.flip(0, "crawler.budget", "100")
		expect("a budget", func() bool { return statusFor(t, v.Pages+"/item/1.html", "Somebot/1.0") == 200 })
		v.flip(0, "read.local", "on")
	})
	run("compression", func(t *testing.T) {
		v.flip(0, "read.local", "off") // finished pages stay as they are
		coding := func() string {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.Pages+"/item/1.html", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept-Encoding", "gzip, zstd")
			w, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			w.Body.Close()
			return w.Header.Get("Content-Encoding")
		}
		for _, value := range []string{"off", "fast", "normal"} {
			v.flip(0, "compression", value)
			want := map[string][]string{"off": {""}, "fast": {"gzip"}, "normal": {"gzip", "zstd"}}[value]
			expect(value, func() bool { return slices.Contains(want, coding()) })
		}
		v.flip(0, "read.local", "on")
	})
	run("read.records, read.upstream, back.to.source", func(t *testing.T) {
		for _, name := range []string{"read.upstream", "back.to.source"} {
			s.Put(name, func(p *product) { p.Title = "Nobody told" }) // of a page that nobody has requested
			status := func() int { return statusFor(t, v.Pages+"/item/"+name+".html", "") }
			v.flip(0, name, "off")
			expect(name, func() bool { return status() == 404 })
			v.flip(0, name, "on")
			expect(name, func() bool { return status() == 200 })
			v.waitFor(name, "Nobody told")
		}
		v.flip(0, "intake.high", "off") // else the missing dimension is repaired at once
		r.Do("DEL", "blob:{sku:1}:item")
		v.flip(0, "read.local", "off")
		v.flip(0, "read.bolt", "off")
		expect("records", func() bool { return source() == "records" })
		v.flip(0, "read.records", "off")
		expect("no records", func() bool { return source() == "upstream" })
		for _, name := range []string{"read.records", "read.bolt", "read.local", "intake.high"} {
			v.flip(0, name, "on")
		}
		publish(item.High, item.All) // a reader announces an entity once a minute
		eventually(t, func() string {
			if r.Do("EXISTS", "blob:{sku:1}:item").(int64) == 0 {
				return "the blob is not made again"
			}
			return ""
		})
	})
	run("ttl.factor", func(t *testing.T) {
		v.flip(0, "ttl.factor", "0")
		expect("nothing is used twice without asking", func() bool {
			from := source()
			return from != "page" && source() != "page"
		})
		v.flip(0, "ttl.factor", "100")
		expect("memory again", func() bool { return source() == "page" })
	})
	run("log.level", func(t *testing.T) {
		told := func() int { return strings.Count(v.log(), "name=sweep.pace") }
		v.flip(0, "log.level", "error")
		v.flip(0, "sweep.pace", "50")
		if told() != 0 {
			t.Error("a line of a lower level is logged")
		}
		v.flip(0, "log.level", "start")
		v.flip(0, "sweep.pace", "100")
		expect("lines are logged again", func() bool { return told() == 1 })
	})
	run("sweep.pace", func(t *testing.T) {
		checked := func() (lines []string) {
			_, _, metrics := fetch(t, v.Admin+"/metrics")
			for line := range strings.Lines(string(metrics)) {
				if strings.HasPrefix(line, "vitrine_audit_checked_total") {
					lines = append(lines, line)
				}
			}
			return lines
		}
		before := checked()
		v.flip(0, "sweep.pace", "1000") // a sample of records every second
		expect("samples are taken more often", func() bool { return !slices.Equal(before, checked()) })
		v.flip(0, "sweep.pace", "100")
	})
	for _, lane := range item.Lanes() {
		run("intake."+string(lane), func(t *testing.T) {
			v.flip(0, "intake."+string(lane), "off")
			n := 0
			// Changes that arrive before the intake has noticed are still taken.
			eventually(t, func() string {
				n++
				s.Put("1", func(p *product) { p.Title = fmt.Sprintf("%s %d", lane, n) })
				publish(lane, "product")
				if v.stats().Streams["CHANGES"][lane].Waiting == 0 {
					return "nothing waits"
				}
				return ""
			})
			s.Put("1", func(p *product) { p.Price++ })
			publish(item.Lanes()[(slices.Index(item.Lanes(), lane)+1)%3], "price")
			want, _ := s.Get("1")
			v.waitFor("1", fmt.Sprintf(`"amount":%d`, want.Price))
			v.flip(0, "intake."+string(lane), "on")
			v.waitFor("1", want.Title)
		})
	}
	for _, d := range switches.Declared() {
		if !covered[d.Name] {
			t.Errorf("the switch %s has no case: add one that sees its effect from outside", d.Name)
		}
	}
}

func statusFor(t *testing.T, url, agent string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", agent)
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	return w.StatusCode
}

func TestSwitchCommands(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, dir, "--catalog", file)
	v.refreshAll()
	run := func(code int, args ...string) string {
		t.Helper()
		got, stdout, stderr := vitrine(t, append([]string{"switch"}, append(args, "--nats", v.NATS)...)...)
		if got != code {
			t.Fatalf("switch %v: code %d: %s%s", args, got, stdout, stderr)
		}
		return stdout + stderr
	}
	t.Run("list tells what each does", func(t *testing.T) {
		if out := run(0, "list"); !strings.Contains(out, "upstream.shop") || !strings.Contains(out, "overlay.item.offer") || !strings.Contains(out, "WHAT THE CUSTOMER SEES") {
			t.Error(out)
		}
	})
	t.Run("bad input is named", func(t *testing.T) {
		v.flip(2, "no.such", "off")
		v.flip(2, "read.local", "maybe")
		v.flip(2, "read.local", "off", "--scope", "planet:mars")
		run(1, "get", "no.such")
		run(1, "rollback", "read.local")
	})
	t.Run("a dry run sets nothing", func(t *testing.T) {
		v.flip(0, "read.local", "off", "--dry-run")
		if out := run(0, "get", "read.local"); out != "on\n" {
			t.Error(out)
		}
	})
	t.Run("a scope that names nobody here changes nothing here", func(t *testing.T) {
		if out := v.flip(0, "log.level", "error", "--scope", "node:elsewhere"); len(out.Acked)+len(out.Missing) != 0 {
			t.Errorf("%+v", out)
		}
	})
	t.Run("history and rollback", func(t *testing.T) {
		v.flip(0, "ttl.factor", "300", "--reason", "a sale", "--author", "ann")
		v.flip(0, "ttl.factor", "500")
		if out := run(0, "history", "ttl.factor"); !strings.Contains(out, "a sale") || !strings.Contains(out, "ann") || strings.Count(out, "\n") != 2 {
			t.Error(out)
		}
		run(0, "rollback", "ttl.factor")
		if out := run(0, "get", "ttl.factor"); out != "300\n" {
			t.Error(out)
		}
	})
	t.Run("a set is applied whole", func(t *testing.T) {
		run(2, "define", "sale", "read.local=perhaps")
		run(2, "define", "sale", "read.local")
		run(0, "define", "sale", "live.offer=off", "ttl.factor=700")
		if out := run(1, "apply", "no such set"); !strings.Contains(out, "sale") {
			t.Error("it does not say which sets there are:", out)
		}
		run(0, "apply", "sale", "--dry-run")
		if out := run(0, "get", "live.offer"); out != "on\n" {
			t.Error("a dry run has set", out)
		}
		run(0, "apply", "sale", "--reason", "the sale")
		if offer, factor := run(0, "get", "live.offer"), run(0, "get", "ttl.factor"); offer != "off\n" || factor != "700\n" {
			t.Error(offer, factor)
		}
		run(0, "rollback", "live.offer")
		if out := run(0, "get", "live.offer"); out != "on\n" {
			t.Error(out)
		}
	})
	t.Run("a process that does not answer is named", func(t *testing.T) {
		body, err := json.Marshal(map[string]string{"node": "deaf", "role": "detail"})
		if err != nil {
			t.Fatal(err)
		}
		nodes := v.dial().Bucket("nodes")
		there := func() { // for as long as the presence of a process lasts
			t.Helper()
			if _, err := nodes.Put(t.Context(), "deaf", body); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, func() string {
			there()
			_, stdout, _ := vitrine(t, "switch", "set", "sweep.pace", "50", "--json", "--wait", "3s", "--nats", v.NATS)
			var out switched
			if err := json.Unmarshal([]byte(stdout), &out); err != nil {
				t.Fatal(err, stdout)
			}
			if len(out.Missing) != 1 || out.Missing[0] != "deaf" || len(out.Acked) != 1 {
				return stdout
			}
			return ""
		})
		eventually(t, func() string {
			there()
			if out := run(0, "nodes"); !strings.Contains(out, "deaf") || !strings.Contains(out, "-up-") {
				return out
			}
			return ""
		})
	})
	t.Run("what is in force survives a restart", func(t *testing.T) {
		vitrine(t, "switch", "set", "live.offer", "off", "--wait", "3s", "--nats", v.NATS) // the deaf process may still be missing
		v.stop()
		v = up(t, dir, "--catalog", file)
		if _, _, body := fetch(t, v.Pages+"/live/"+oddID(0)); !strings.Contains(string(body), `"offer":{"state":"hidden"}`) {
			t.Errorf("%s", body)
		}
	})
}
