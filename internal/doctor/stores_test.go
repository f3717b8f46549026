package doctor_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
	"vitrine/internal/redistest"
)

// TestDoctorLooksAtRedis proves that doctor finds fault with a sentinel's port, with a replica, with a Redis that is full,
// and with a replica to read from that lost its master, and warns of one that keeps nothing on disk or is nearly full.
func TestDoctorLooksAtRedis(t *testing.T) {
	server, _ := bustest.Start(t)
	w := redistest.Watch(t, 1)
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
	expect(sound, "good: records: "+w.URL+" is as it should be", "warning: records: "+redistest.MasterName+" has no maxmemory")
	if strings.Contains(sound, "bad") || strings.Contains(sound, "disk") {
		t.Errorf("of a sound Redis: %s", sound)
	}
	expect(look(one(sentinel.URL)), "bad: records", "is a sentinel", "redis+sentinel://"+sentinel.Addr+"/"+redistest.MasterName)
	expect(look(one(replica.URL)), "bad: records", "is a replica of "+master.Addr)
	expect(look(doctor.Config{Records: master.URL, Blobs: replica.URL, Replica: replica.URL}), "good: records", "bad: blobs: ", "good: blobs.read", "replica-serve-stale-data no")

	master.Do("CONFIG", "SET", "maxmemory", "1mb")
	expect(look(one(master.URL)), "bad: records", "it is full (", "CONFIG SET maxmemory")
	master.Do("CONFIG", "SET", "maxmemory", "1gb")
	master.Do("CONFIG", "SET", "appendonly", "no")
	expect(look(one(master.URL)), "good: records", "warning: records: "+master.Addr+" keeps nothing on disk")

	host, _, _ := net.SplitHostPort(replica.Addr)
	replica.Do("REPLICAOF", host, "1")
	expect(look(doctor.Config{Records: master.URL, Blobs: master.URL, Replica: replica.URL}), "bad: blobs.read", "no link to its master")
}
