package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/canary"
	"vitrine/internal/cli"
	"vitrine/internal/item"
	"vitrine/internal/testlog"
)

// patience is how long a test waits for an event before it fails.
const patience = 5 * time.Minute

// running is a vitrine that a test has started: see runnerOf.
type running struct {
	t                                testing.TB
	Pages, Admin, NATS, Notify, Shop string // Shop is the demo's back office; "" with a catalog
	Dir                              string
	stop                             func() int
	ended                            chan int // receives a role's exit code
	log                              func() string
	queues                           *bus.Conn // returned by look; nil until its first call
}

// up starts vitrine up on free ports, waits until it is ready, and stops it when the test ends.
func up(t testing.TB, dir string, args ...string) *running {
	t.Helper()
	args = append([]string{"up", "--dir", dir, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--nats", "127.0.0.1:0", "--shop", "127.0.0.1:0"}, args...)
	demo := !slices.Contains(args, "--catalog")
	notified := slices.Contains(args, "--notify")
	r := launch(t, args, func(r *running) bool { return r.NATS != "" && (!demo || r.Shop != "") && (!notified || r.Notify != "") })
	t.Cleanup(func() {
		if c := r.stop(); c != 0 {
			t.Errorf("up ended with code %d", c)
		}
		if t.Failed() {
			t.Logf("log of up:\n%s", r.log())
		}
	})
	return r
}

// launch runs vitrine until it has printed the addresses that ready asks for. The caller has to stop it.
func launch(t testing.TB, args []string, ready func(*running) bool) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	stderr, stdout := &testlog.Buffer{}, &testlog.Buffer{}
	args = withSmallCaches(withCanaries(args))
	t.Cleanup(func() { canary.Search(t, "the log of "+args[0], stderr.String()+stdout.String()) })
	r := &running{t: t, log: stderr.String, ended: make(chan int, 1)}
	if i := slices.Index(args, "--dir"); i >= 0 {
		r.Dir = args[i+1]
	}
	run := runnerOf(t)
	go func() {
		r.ended <- run(ctx, args, strings.NewReader(""), io.MultiWriter(stdout, in), stderr)
		in.Close()
	}()
	stopped := false
	r.stop = func() int {
		if stopped {
			return 0
		}
		stopped = true
		cancel()
		return <-r.ended
	}
	if !r.readAddresses(out, ready) {
		cancel()
		t.Fatalf("%s ended with code %d before it was ready:\n%s", args[0], <-r.ended, stderr)
	}
	go io.Copy(io.Discard, out)
	return r
}

// filledShop starts a shop of n products, and an up with shopCatalog that has been told of all of them.
func filledShop(t testing.TB, n int, args ...string) (*shop, *running) {
	t.Helper()
	s := newShop(t)
	fill(s, n)
	v := up(t, t.TempDir(), append(args, "--catalog", catalogFor(t, shopCatalog, s.URL))...)
	v.refreshAll()
	return s, v
}

// readAddresses reads the printed addresses of listeners, and reports whether all arrived that ready asks for.
func (r *running) readAddresses(out io.Reader, ready func(*running) bool) bool {
	lines := bufio.NewScanner(out)
	for !ready(r) && lines.Scan() {
		what, addr, _ := strings.Cut(lines.Text(), " ")
		addr, _, _ = strings.Cut(strings.TrimSpace(addr), " ")
		addr = strings.TrimSuffix(addr, "/")
		switch what {
		case "pages":
			r.Pages = addr
		case "admin":
			r.Admin = addr
		case "nats":
			r.NATS = addr
		case "notify":
			r.Notify = addr
		case "shop":
			r.Shop = addr
		}
	}
	return ready(r)
}

// vitrine runs a command to its end and returns its exit code and output. It runs it again where NATS is there, and did not answer
// within the seconds that a command waits for it: a busy machine stands still for longer.
func vitrine(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	for range 3 {
		var out, err bytes.Buffer
		code = cli.Run(t.Context(), withCanaries(args), strings.NewReader(""), &out, &err)
		stdout, stderr = out.String(), err.String()
		canary.Search(t, "vitrine "+strings.Join(args, " "), stdout+stderr)
		if code != 1 || !strings.Contains(stderr, "connect to NATS: ") || !strings.Contains(stderr, context.DeadlineExceeded.Error()) {
			break
		}
	}
	return code, stdout, stderr
}

// withCanaries adds to a command passwords that no output may show.
func withCanaries(args []string) []string {
	args = canary.Args(args)
	if len(args) > 0 && slices.Contains([]string{"up", "heterog", "syncer", "detail", "refresh"}, args[0]) {
		args = append(args, canary.Secrets(shops.all()...)...)
	}
	return args
}

// withSmallCaches has a process that serves pages use little memory. ristretto's counters take long to clear under
// the race detector.
func withSmallCaches(args []string) []string {
	if slices.Contains([]string{"up", "detail"}, args[0]) {
		args = append(args, "--blob-memory", "32", "--page-memory", "32")
	}
	return args
}

// refreshAll announces everything and waits until it is done. It tries again when a list is not answered in time, as
// on a busy machine.
func (r *running) refreshAll(args ...string) {
	r.t.Helper()
	args = append([]string{"refresh", "--all", "--wait", "--nats", r.NATS, "--admin", r.Admin}, args...)
	for tries := 1; ; tries++ {
		code, _, stderr := vitrine(r.t, args...)
		if code == 0 {
			return
		}
		if tries == 5 || !strings.Contains(stderr, "context deadline exceeded") {
			r.t.Fatalf("refresh ended with code %d: %s", code, stderr)
		}
	}
}

// dial connects to NATS as an upstream would, to announce changes.
func (r *running) dial() *bus.Conn {
	r.t.Helper()
	conn, err := bus.Dial(r.t.Context(), bus.Config{URL: r.NATS, Name: r.t.Name(), Log: quiet()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(conn.Close)
	return conn
}

// announce publishes that a dimension of a SKU may have changed.
func announce(t testing.TB, conn *bus.Conn, dimension, id string) {
	t.Helper()
	publish(t, conn, item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: dimension})
}

// publish publishes changes as an upstream does: it tries again for as long as NATS does not accept them.
func publish(t testing.TB, conn *bus.Conn, changes ...item.Change) {
	t.Helper()
	eventually(t, func() string {
		err := conn.PublishChanges(t.Context(), changes, bus.PublishOptions{})
		if err != nil && !errors.Is(err, item.ErrUnavailable) {
			t.Fatal(err)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

// page is a page as JSON, and what its headers say.
type page struct {
	Status int
	Source string
	Header http.Header
	Data   struct {
		SKU     string
		Product struct{ Title string }
		Price   struct{ Amount int }
		Brand   struct{ Title string }
	}
}

// get requests the JSON twin of a SKU's page.
func (r *running) get(id string) page {
	r.t.Helper()
	var p page
	status, header, body := fetch(r.t, r.Pages+"/item/"+url.PathEscape(id)+".json")
	p.Status, p.Header, p.Source = status, header, header.Get("X-Vitrine-Source")
	if status == http.StatusOK {
		if err := json.Unmarshal(body, &p.Data); err != nil {
			r.t.Fatalf("page of %s: %v: %s", id, err, body)
		}
	}
	return p
}

func fetch(t testing.TB, url string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	canary.Search(t, url, fmt.Sprint(res.Header, string(body)))
	return res.StatusCode, res.Header, body
}

// eventually calls ok until it returns "", or fails the test with its last result. The pauses between calls grow, so
// that checking takes little CPU from what it waits for.
func eventually(t testing.TB, ok func() string) {
	t.Helper()
	deadline := time.After(patience)
	pause := 5 * time.Millisecond
	for {
		wrong := ok()
		if wrong == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatal(wrong)
		case <-time.After(pause):
		}
		pause = min(pause*5/4, 250*time.Millisecond)
	}
}

// catalogFor writes a catalog for a shop's address and returns its path.
func catalogFor(t testing.TB, text string, address ...any) string {
	t.Helper()
	for _, a := range address {
		if origin, ok := a.(string); ok {
			shops.add(origin)
		}
	}
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, text, address...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// differs says how the page of a SKU differs from what the shop knows, or "" if it does not.
func (r *running) differs(s *shop, id string) string {
	r.t.Helper()
	want, known := s.Get(id)
	got := r.get(id)
	switch {
	case !known && got.Status != http.StatusNotFound:
		return fmt.Sprintf("%s: status %d for a product that never was", id, got.Status)
	case known && want.Gone && got.Status != http.StatusGone && got.Status != http.StatusNotFound:
		return fmt.Sprintf("%s: status %d for a deleted product", id, got.Status)
	case !known || want.Gone:
		return ""
	case got.Status != http.StatusOK:
		return fmt.Sprintf("%s: status %d", id, got.Status)
	case got.Data.SKU != id || got.Data.Product.Title != want.Title || got.Data.Price.Amount != want.Price:
		return fmt.Sprintf("%s: page says %+v, the shop %+v", id, got.Data, want)
	case want.Brand != "" && got.Data.Brand.Title != "Brand "+want.Brand:
		return fmt.Sprintf("%s: brand %q is joined as %q", id, want.Brand, got.Data.Brand.Title)
	}
	return ""
}

// removeAll removes a folder in which a running NATS may still create files. It moves the folder away first, so that
// what NATS creates anew is not touched.
func removeAll(t testing.TB, dir string) {
	t.Helper()
	aside := dir + ".removed"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if err := os.RemoveAll(aside); err != nil {
			return err.Error()
		}
		return ""
	})
}
