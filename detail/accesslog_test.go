package detail_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/detail/admission"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
)

// logging opens a shop that writes an access log until stop is called.
func logging(t *testing.T, log *detail.AccessLog, change ...func(*detail.Config)) (s *shop, stop func()) {
	t.Helper()
	s = open(t, append(change, func(c *detail.Config) { c.Access = log })...)
	s.redis.Put("sku:1", "item", 1, lamp)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// TestAccessLogThatHangs proves that no request waits for a log that nobody reads: lines are dropped and counted, and
// the server's shutdown does not wait either.
func TestAccessLogThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := detail.OpenAccessLog(path, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a pipe without a reader was waited for")
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0) // never read from
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	log, err := detail.OpenAccessLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s, stop := logging(t, log, func(c *detail.Config) { c.Registry = registry })
	long := "User-Agent: " + strings.Repeat("a", 7000)
	for range 600 { // 4 MB
		if got := s.get(t, "/item/1.html", long); got.status != 200 {
			t.Fatalf("/item/1.html: status %d; want status 200", got.status)
		}
	}
	if n := counted(t, registry, "vitrine_detail_access_log_dropped_total"); n == 0 {
		t.Error("no line was dropped")
	}
	stop()
}

// broken is a writer that fails until it is mended.
type broken struct {
	testlog.Buffer
	mended atomic.Bool
}

func (b *broken) Write(p []byte) (int, error) {
	if !b.mended.Load() {
		return len(p) / 2, errors.New("no space left")
	}
	return b.Buffer.Write(p)
}

func TestAccessLogGoesOnAfterAnError(t *testing.T) {
	out, said := &broken{}, &testlog.Buffer{}
	log := detail.NewAccessLog(out, slog.New(slog.NewTextHandler(said, nil)))
	s, stop := logging(t, log)
	for range 4 {
		s.get(t, "/item/1.html")
	}
	poll.Until(t, "lines are dropped", func() bool { return log.Dropped() > 0 })
	out.mended.Store(true)
	s.get(t, "/item/1.html?again")
	stop()
	if !strings.Contains(out.String(), "again") {
		t.Errorf("the log does not go on after an error: %q", out)
	}
	if strings.Count(said.String(), "no space left") != 1 {
		t.Errorf("the log has %d lines about the full disk, want 1: %v", strings.Count(said.String(), "no space left"), said)
	}
}

func TestAccessLogIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := detail.OpenAccessLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := logging(t, log)
	has := func(path, what string) bool {
		b, _ := os.ReadFile(path)
		return strings.Contains(string(b), what)
	}
	for i := range 2 {
		old, before, after := fmt.Sprint(path, ".", i), fmt.Sprint("before", i), fmt.Sprint("after", i)
		s.get(t, "/item/1.html?"+before)
		poll.Until(t, "the line is written", func() bool { return has(path, before) })
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		s.get(t, "/item/1.html?"+after)
		poll.Until(t, "it goes on in a new file", func() bool { return has(path, after) })
		if has(old, after) {
			t.Error("the old file has it")
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.Reopen()
	poll.Until(t, "it is made anew where it was removed", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// TestAccessLogIsRead proves that every line arrives whole through a pipe.
func TestAccessLogIsRead(t *testing.T) {
	in, out := io.Pipe()
	log := detail.NewAccessLog(out, slog.New(slog.DiscardHandler))
	s, stop := logging(t, log)
	s.get(t, "/item/1.html")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.Contains(line, `"GET /item/1.html HTTP/1.1" 200 `) {
		t.Errorf(`%v, error %v; want no error, a body with "GET /item/1.html HTTP/1.1" 200 `, line, err)
	}
	in.Close()
	stop()
}

// TestAccessLogNamesTheVisitor proves that a line names the address of the connection, as web servers do, or behind a
// trusted proxy the address that the proxy reports. A visitor's own header fields never count.
func TestAccessLogNamesTheVisitor(t *testing.T) {
	proxies, err := admission.ParseProxies([]string{"198.51.100.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	out := &testlog.Buffer{}
	s, stop := logging(t, detail.NewAccessLog(out, slog.New(slog.DiscardHandler)), func(c *detail.Config) { c.Admission.Proxies = proxies })
	var want []string
	for i, c := range []struct{ peer, forwarded, shown string }{
		{"203.0.113.9:4000", "", "203.0.113.9"},
		{"203.0.113.9:4000", "192.0.2.66", "203.0.113.9"},
		{"198.51.100.7:4000", "192.0.2.1", "192.0.2.1"},
		{"198.51.100.7:4000", "192.0.2.66, 192.0.2.1, 198.51.100.8", "192.0.2.1"},
		{"198.51.100.7:4000", "[2001:db8::1:2:3:4]:80", "2001:db8::1:2:3:4"},
		{"198.51.100.7:4000", "", "198.51.100.7"},
		{"198.51.100.7:4000", "no address", "198.51.100.7"},
		{"[2001:db8::9]:4000", "", "2001:db8::9"},
	} {
		path := fmt.Sprintf("/item/1.html?n=%d", i)
		s.from(t, c.peer, path, "X-Forwarded-For: "+c.forwarded)
		want = append(want, c.shown+" "+path)
	}
	for _, path := range []string{"/item/1.html?made", "/item/1.html?kept"} { // over one connection, so that the second comes from memory
		s.get(t, path, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2")
		want = append(want, "192.0.2.2 "+path)
	}
	stop()
	var got []string
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		got = append(got, f[0]+" "+f[6])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
