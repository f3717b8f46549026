package rediskv_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redistest"
)

// openQuick opens a store that gives up soon on a server that does not answer.
func openQuick(t *testing.T, url string) *rediskv.Store {
	t.Helper()
	s, err := rediskv.Open(t.Context(), rediskv.Config{URL: url, Log: quietLog(), Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestANodeIsAway proves that only the items of a batch whose node of the Cluster is away fail, each with its own
// error.
func TestANodeIsAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct{ leave, back func(*redistest.Server) }{
		"hung":    {(*redistest.Server).Pause, (*redistest.Server).Resume},
		"stopped": {(*redistest.Server).Stop, (*redistest.Server).Start},
	} {
		t.Run(name, func(t *testing.T) {
			c := redistest.Cluster(t)
			for _, n := range c.Nodes {
				n.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
			}
			s, nodes, all := openQuick(t, c.URL), behind(c.Nodes[:]), newCrowd(60)
			all.put(t, s, func(int) bool { return true })
			lost := c.Nodes[1]
			on := func(i int) bool { return nodes.at(kv.StateKey(all.entities[i])) != lost }
			held := make([]bool, len(all.entities)) // determined first, since a node that is away cannot be asked for its slots
			for i := range held {
				held[i] = on(i)
			}
			away.leave(lost)
			for range 4 { // the last finds the node running
				all.put(t, s, func(i int) bool { return held[i] })
			}
			if found := scanned(t, s); len(found) < count(held) {
				t.Errorf("a scan finds %d of %d entities that are there", len(found), count(held))
			}
			away.back(lost)
			deadline := time.Now().Add(time.Minute)
			for _, err := s.States(t.Context(), all.entities); err != nil; _, err = s.States(t.Context(), all.entities) {
				if time.Now().After(deadline) {
					t.Fatalf("the node is back, and not asked: %v", err)
				}
			}
			all.reread(t, s) // a hung node may still apply old commands when it resumes
			all.put(t, s, func(int) bool { return true })
		})
	}
}

// crowd is a set of entities with a record and a blob each.
type crowd struct {
	entities []item.Entity
	records  []kv.RecordKey
	blobs    []kv.BlobKey
	stamps   []uint64
	round    int
}

func newCrowd(n int) *crowd {
	c := &crowd{stamps: make([]uint64, n)}
	for i := range n {
		e := sku(fmt.Sprint(i))
		c.entities = append(c.entities, e)
		c.records = append(c.records, kv.RecordKey{Entity: e, Dimension: "product"})
		c.blobs = append(c.blobs, kv.BlobKey{Entity: e, Blob: "item"})
	}
	return c
}

// put writes and reads everything once. Exactly the items for which there returns true must succeed.
func (c *crowd) put(t *testing.T, s *rediskv.Store, there func(i int) bool) {
	t.Helper()
	c.round++
	body := fmt.Sprint(c.round)
	var puts []kv.Put
	var blobPuts []kv.BlobPut
	var built []kv.Built
	for i, e := range c.entities {
		puts = append(puts, kv.Put{RecordKey: c.records[i], Expect: c.stamps[i], Value: alive(body)})
		v := alive(body)
		v.Stamp = uint64(c.round)
		blobPuts = append(blobPuts, kv.BlobPut{BlobKey: c.blobs[i], Value: v})
		built = append(built, kv.Built{Entity: e, Gens: map[string]uint64{"item": uint64(c.round)}})
	}
	results, err := s.PutRecords(t.Context(), puts)
	c.check(t, "put", err, there, func(i int) bool {
		c.stamps[i] = results[i].Stamp
		return results[i].Outcome == kv.Applied
	})
	records, err := s.Records(t.Context(), c.records)
	c.check(t, "read", err, there, func(i int) bool { return string(records[i].Body) == body })
	stored, err := s.PutBlobs(t.Context(), blobPuts)
	c.check(t, "put blob", err, there, func(i int) bool { return stored[i] })
	blobs, err := s.Blobs(t.Context(), c.blobs)
	c.check(t, "read blob", err, there, func(i int) bool { return string(blobs[i].Body) == body })
	c.check(t, "mark built", s.MarkBuilt(t.Context(), built), there, func(int) bool { return true })
	states, err := s.States(t.Context(), c.entities)
	c.check(t, "read state", err, there, func(i int) bool { return states[i].Built["item"] == uint64(c.round) })
}

// reread reads the stamps anew.
func (c *crowd) reread(t *testing.T, s *rediskv.Store) {
	t.Helper()
	records, err := s.Records(t.Context(), c.records)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		c.stamps[i] = r.Stamp
	}
}

func (c *crowd) check(t *testing.T, what string, err error, there, well func(i int) bool) {
	t.Helper()
	for i, err := range kv.ItemErrors(err, len(c.entities)) {
		switch {
		case there(i) && (err != nil || !well(i)):
			t.Fatalf("%s %s, which is there: error %v", what, c.entities[i], err)
		case !there(i) && !errors.Is(err, item.ErrUnavailable):
			t.Fatalf("%s %s, whose node is away: error %v", what, c.entities[i], err)
		}
	}
}

func count(held []bool) (n int) {
	for _, there := range held {
		if there {
			n++
		}
	}
	return n
}

// scanned returns the entities that a scan can reach.
func scanned(t *testing.T, s *rediskv.Store) map[item.Entity]bool {
	t.Helper()
	seen, cursor := map[item.Entity]bool{}, ""
	for {
		some, next, err := s.ScanEntities(t.Context(), cursor, 10)
		if err != nil {
			t.Logf("scan: %v", err)
		}
		for _, e := range some {
			seen[e] = true
		}
		cursor = next
		if cursor == "" {
			return seen
		}
	}
}

// TestSlowLine proves that a batch which takes longer than the store's time-out on a slow line succeeds in parts,
// however large it is.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s := openQuick(t, "redis://"+throttle(t, r.Addr, 8<<20))
	all := newCrowd(128)
	body := `"` + strings.Repeat("x", 200) + `"` // noise is put before it, so that a value does not compress
	var puts []kv.BlobPut
	for i, k := range all.blobs {
		v := alive(noise(200<<10, uint64(i)) + body)
		v.Stamp = 1
		puts = append(puts, kv.BlobPut{BlobKey: k, Value: v})
	}
	deadline := time.Now().Add(2 * time.Minute)
	for _, err := s.PutBlobs(t.Context(), puts); err != nil; _, err = s.PutBlobs(t.Context(), puts) {
		if time.Now().After(deadline) {
			t.Fatalf("25 MiB are never written: %v", err)
		}
	}
	blobs, err := s.Blobs(t.Context(), all.blobs)
	for ; err != nil; blobs, err = s.Blobs(t.Context(), all.blobs) {
		if time.Now().After(deadline) {
			t.Fatalf("25 MiB are never read: %v", err)
		}
	}
	for i, b := range blobs {
		if string(b.Body) != string(puts[i].Value.Body) {
			t.Fatalf("blob %d has %d bytes", i, len(b.Body))
		}
	}
}

// noise is text of n bytes that hardly compresses.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"[seed>>58]
	}
	return string(b)
}

// throttle forwards to addr with at most rate bytes a second in each direction of a connection, and returns its own
// address.
func throttle(t *testing.T, addr string, rate int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				in.Close()
				continue
			}
			go slowly(out, in, rate)
			go slowly(in, out, rate)
		}
	}()
	return l.Addr().String()
}

func slowly(to, from net.Conn, rate int) {
	defer to.Close()
	defer from.Close()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		time.Sleep(time.Duration(n) * time.Second / time.Duration(rate)) // simulates the slow line
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
