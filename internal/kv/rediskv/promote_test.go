package rediskv_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/netcut"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// TestPromotionByHand types what docs/rooms.md says where no sentinel elects: the master is lost, a replica is promoted, and the name
// is led there. The other replica follows, and a store that was opened before goes on without a restart.
func TestPromotionByHand(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Skip("redis-cli is not installed")
	}
	master := redistest.Single(t, "--repl-diskless-sync-delay", "0")
	name := netcut.New(t, master.Addr)
	host, port, _ := net.SplitHostPort(name.Addr)
	replicas := map[string]*redistest.Server{}
	for _, at := range []string{"10.2.0.7", "10.3.0.7"} {
		r := redistest.Single(t, "--repl-diskless-sync-delay", "0")
		r.Do("CONFIG", "SET", "masterauth", "PASSWORD")
		r.Do("REPLICAOF", host, port)
		replicas[at] = r
	}
	for _, r := range append([]*redistest.Server{master}, replicas["10.2.0.7"], replicas["10.3.0.7"]) {
		poll.Until(t, "both replicas have a link", func() bool {
			return r == master || strings.Contains(r.Do("INFO", "replication").(string), "master_link_status:up")
		})
		r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
		r.Do("CONFIG", "SET", "requirepass", "PASSWORD")
	}
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: "redis://:PASSWORD@" + name.Addr, Log: quietLog(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	puts := func(id string) bool {
		_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: record(id), Value: alive(`1`)}})
		return err == nil
	}
	poll.Until(t, "a write", func() bool { return puts("before") })

	master.Lose()
	var typed strings.Builder
	for _, line := range documented(t) {
		if strings.HasPrefix(line, "#") { // have the name lead to the new master
			name.Lead(replicas["10.2.0.7"].Addr)
			continue
		}
		for at, r := range replicas {
			h, p, _ := net.SplitHostPort(r.Addr)
			line = strings.ReplaceAll(line, "-h "+at, "-h "+h+" -p "+p)
		}
		typed.WriteString(line + "\n")
	}
	out, err := exec.Command("sh", "-e", "-c", typed.String()).CombinedOutput()
	if text := string(out); err != nil || strings.Count(text, "slave_repl_offset:") != 2 || strings.Count(text, "OK\n") != 1 {
		t.Fatalf("%s\n%s\n%v", typed.String(), text, err)
	}
	poll.Until(t, "a write to the new master", func() bool { return puts("after") })
}

// documented is what docs/rooms.md has an operator type to promote a replica.
func documented(t *testing.T) (lines []string) {
	t.Helper()
	doc, err := os.ReadFile("../../../docs/rooms.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(doc), "**Without sentinels**")
	for line := range strings.Lines(rest) {
		text, code := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		if code {
			lines = append(lines, text)
		} else if len(lines) > 0 {
			break
		}
	}
	if !found || len(lines) < 4 {
		t.Fatalf("docs/rooms.md has nothing to type: %q", lines)
	}
	return lines
}
