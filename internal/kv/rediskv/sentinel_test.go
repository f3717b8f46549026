package rediskv_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// TestSentinels proves that a store named by its sentinels follows the master that they elect: writes come back, what
// was written is there, and replicas are read all the time. It also proves what is said of wrong addresses.
func TestSentinels(t *testing.T) {
	t.Parallel()
	w := redistest.Watch(t, 2)
	s := openAt(t, w.URL)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("wrong addresses", func(t *testing.T) { wrongSentinels(t, w) })
	put(t, s, kv.Put{RecordKey: record("before"), Value: alive(`1`)})
	before := mustParts(t, s)
	near, err := rediskv.Open(t.Context(), rediskv.Config{URL: w.URL, Replicas: true, Log: quietLog(), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	key := kv.BlobKey{Entity: sku("1"), Blob: "item"}
	if _, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: key, Value: alive(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	w.Servers[0].Do("WAIT", 2, 0)

	w.Kill()
	if got, err := near.Blobs(t.Context(), []kv.BlobKey{key}); err != nil || string(got[0].Body) != `{}` {
		t.Errorf("without a master, a replica answers %+v, %v", got, err)
	}
	elected := w.Elected()
	began := time.Now()
	poll.Until(t, "a write", func() bool {
		_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: record("after"), Value: alive(`1`)}})
		return err == nil
	})
	t.Logf("%s was elected; writes were back %s later", elected.Addr, time.Since(began).Round(time.Millisecond))
	if got := read(t, s, record("before")); string(got.Body) != "1" {
		t.Errorf("read %+v", got)
	}
	if after := mustParts(t, s); after[0].Epoch != before[0].Epoch || after[0].Run == before[0].Run {
		t.Errorf("a failover does not show in the lineage: it was %+v, and is %+v", before, after)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestASilentSentinelIsPassedOver proves that a store follows an election though the sentinel that it asks is silent, as is one
// whose machine is gone together with the master: it asks the others.
func TestASilentSentinelIsPassedOver(t *testing.T) {
	t.Parallel()
	w := redistest.Watch(t, 2)
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: w.URL, Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func(dimension string) bool {
		_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: record(dimension), Value: alive(`1`)}})
		return err == nil
	}
	poll.Until(t, "a write", func() bool { return write("before") })
	asked, others := askedSentinel(t, w)
	asked.Pause()
	defer asked.Resume()
	master := w.Servers[0]
	master.Pause()
	defer master.Resume()
	for _, o := range others {
		o.Do("SENTINEL", "SET", redistest.MasterName, "down-after-milliseconds", 500)
	}
	poll.Until(t, "an election", func() bool {
		return !slices.ContainsFunc(others, func(o *redistest.Server) bool {
			named := fmt.Sprint(o.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.MasterName))
			return strings.Contains(named, strings.Split(master.Addr, ":")[1])
		})
	})
	poll.Until(t, "a write to the elected master", func() bool { return write("after") })
}

// askedSentinel returns the sentinel to which a client listens, and the others.
func askedSentinel(t *testing.T, w *redistest.Watched) (asked *redistest.Server, others []*redistest.Server) {
	t.Helper()
	poll.Until(t, "a client at a sentinel", func() bool {
		asked, others = nil, nil
		for _, s := range w.Sentinels {
			if asked == nil && strings.Contains(fmt.Sprint(s.Do("CLIENT", "LIST", "TYPE", "pubsub")), " sub=2 ") {
				asked = s
			} else {
				others = append(others, s)
			}
		}
		return asked != nil
	})
	return asked, others
}

func wrongSentinels(t *testing.T, w *redistest.Watched) {
	sentinel, master := w.Sentinels[0].Addr, w.Servers[0].Addr
	w.Sentinels[0].Do("ACL", "SETUSER", "guest", "on", ">canary", "+@all", "&*")
	w.Servers[0].Do("ACL", "SETUSER", "app", "on", ">canary", "~*", "+@all", "&*")
	login := "redis+sentinel://app:canary@" + sentinel + "/vitrine/0?sentinel_user=guest&sentinel_password=canary"
	if err := openAt(t, login).Check(t.Context()); err != nil {
		t.Errorf("with the right logins: %v", err)
	}
	for url, want := range map[string]string{
		"redis+sentinel://" + sentinel + "/nobody":                                                `knows a master of the name "nobody"`,
		"redis+sentinel://" + master + "/vitrine":                                                 "no sentinel but a Redis: its address is redis://" + master,
		"redis+sentinel://127.0.0.1:1/vitrine":                                                    "none of the sentinels 127.0.0.1:1 answers",
		"redis+sentinel://" + sentinel + "/vitrine?sentinel_user=guest&sentinel_password=canary2": "refuse the login",
		"redis://" + sentinel:                                                                     "is a sentinel: the address of its masters is redis+sentinel://" + sentinel + "/vitrine",
	} {
		err := openAt(t, url).Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if !errors.Is(err, item.ErrUnavailable) && !errors.Is(err, item.ErrRefused) {
			t.Errorf("%s: of no class: %v", url, err)
		}
	}
	err := openAt(t, w.Servers[1].URL).Check(t.Context())
	if want := fmt.Sprintf("is a replica of %s", master); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a replica: %v, want %q", err, want)
	}
}
