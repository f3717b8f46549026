package doctor_test

import (
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// TestDoctorLooksAtRedis proves that doctor finds fault with a sentinel's port, with a replica, with a Redis that is full, with a
// master that lacks the replicas it must have, and with a replica to read from that lost its master, and warns of one that keeps nothing on disk or is nearly full,
// and of a sentinel and a replica that are gone.
func TestDoctorLooksAtRedis(t *testing.T) {
	server, _ := bustest.Start(t)
	w := redistest.Watch(t, 1, deployed(t)...)
	master, replica, sentinel := w.Servers[0], w.Servers[1], w.Sentinels[0]
	look := func(cfg doctor.Config) string {
		t.Helper()
		var all []string
		cfg.Dir, cfg.NATS, cfg.Catalog, cfg.Log = t.TempDir(), server.URL(), "no file", slog.New(slog.DiscardHandler)
		cfg.Report = func(f doctor.Finding) {
			switch {
			case f.What != "records" && f.What != "blobs" && f.What != "blobs.read":
				return
			case f.Warning:
				all = append(all, "warning: "+f.What+": "+f.Text)
			case f.OK:
				all = append(all, "good: "+f.What+": "+f.Text)
			default:
				all = append(all, "bad: "+f.What+": "+f.Text)
			}
		}
		doctor.Run(t.Context(), cfg)
		return strings.Join(all, "\n")
	}
	expect := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s\nlacks %q", got, w)
			}
		}
	}
	one := func(url string) doctor.Config { return doctor.Config{Records: url, Blobs: url} }

	sound := look(one(w.URL))
	if sound != "good: records: "+w.URL+" is as it should be" {
		t.Errorf("of deploy/redis: %s", sound)
	}
	expect(look(one(sentinel.URL)), "bad: records", "is a sentinel", "redis+sentinel://"+sentinel.Addr+"/"+redistest.MasterName)
	expect(look(one(replica.URL)), "bad: records", "is a replica of "+master.Addr)
	expect(look(doctor.Config{Records: master.URL, Blobs: replica.URL, Replica: replica.URL}), "good: records", "bad: blobs: ", "good: blobs.read")

	master.Do("CONFIG", "SET", "maxmemory", "1mb")
	expect(look(one(master.URL)), "bad: records", "it is full (", "CONFIG SET maxmemory")
	master.Do("CONFIG", "SET", "maxmemory", "1gb")
	master.Do("CONFIG", "SET", "min-replicas-to-write", "2")
	expect(look(one(w.URL)), "bad: records", "it has 1 of the 2 replicas", "CONFIG SET min-replicas-to-write 1")
	master.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	master.Do("CONFIG", "SET", "appendonly", "no")
	expect(look(one(master.URL)), "good: records", "warning: records: "+master.Addr+" keeps nothing on disk")

	replica.Do("CONFIG", "SET", "replica-serve-stale-data", "yes")
	expect(look(doctor.Config{Records: master.URL, Blobs: master.URL, Replica: replica.URL}), "warning: blobs.read: "+replica.Addr, "replica-serve-stale-data no")
	master.Do("CONFIG", "SET", "maxmemory", "0")
	expect(look(one(master.URL)), "warning: records: "+master.Addr+" has no maxmemory")

	master.Do("CONFIG", "SET", "maxmemory", "1gb")
	master.Do("CONFIG", "SET", "appendonly", "yes")
	lost := w.Sentinels[1]
	lost.Stop()
	expect(look(one(w.URL)), "good: records", "warning: records: the sentinel "+lost.Addr+" does not answer")
	lost.Start()

	host, _, _ := net.SplitHostPort(replica.Addr)
	replica.Do("REPLICAOF", host, "1")
	expect(look(doctor.Config{Records: master.URL, Blobs: master.URL, Replica: replica.URL}), "bad: blobs.read", "no link to its master")

	replica.Stop()
	master.Do("CONFIG", "SET", "min-replicas-to-write", "0")
	for _, x := range w.Sentinels {
		x.Do("SENTINEL", "SET", redistest.MasterName, "down-after-milliseconds", 500)
	}
	poll.Until(t, "a warning of a replica that is gone", func() bool {
		return strings.Contains(look(one(w.URL)), "warning: records: the replica "+replica.Addr+" of "+redistest.MasterName+" is gone")
	})
}

// deployed returns deploy/redis/redis.conf as arguments, without addresses, folders and passwords.
func deployed(t *testing.T) (args []string) {
	t.Helper()
	src, err := os.ReadFile("../../deploy/redis/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		words := strings.Fields(strings.ReplaceAll(line, `""`, ""))
		if len(words) == 0 || words[0] == "#" || slices.Contains([]string{"bind", "port", "dir", "requirepass", "masterauth", "save"}, words[0]) {
			continue
		}
		args = append(args, append([]string{"--" + words[0]}, words[1:]...)...)
	}
	return args
}
