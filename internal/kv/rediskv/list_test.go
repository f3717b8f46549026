package rediskv_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
)

func family(id string) kv.Relation {
	return kv.Relation{Target: item.Entity{Kind: "product", ID: id}, Kind: "sku", Ref: "family"}
}

// relate moves a SKU from one family to another. "" stands for none.
func relate(s *rediskv.Store, t *testing.T, id, was, now string) error {
	r := kv.Relate{Entity: sku(id), Dimension: "product"}
	if was != "" {
		r.Was = kv.Refs{"family": {IDs: []string{was}}}
		r.Remove = []kv.Relation{family(was)}
	}
	if now != "" {
		r.Now = kv.Refs{"family": {IDs: []string{now}}}
		r.Add = []kv.Relation{family(now)}
	}
	return s.Relate(t.Context(), r)
}

func list(t *testing.T, s *rediskv.Store, of kv.Relation, limit int) (all []string) {
	t.Helper()
	for cursor := ""; ; {
		ids, next, err := s.Related(t.Context(), of, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
		if next == "" {
			slices.Sort(all)
			return all
		}
		cursor = next
	}
}

// TestListOfAnOlderVersion proves that a list stored in buckets can be read, grows and shrinks, and that it takes a
// single read once its buckets are empty.
func TestListOfAnOlderVersion(t *testing.T) {
	r := shared.Single(t)
	s := openAt(t, r.URL)
	of := family("1")
	var want []string
	for i := range 40 {
		id := fmt.Sprintf("%03d", i)
		want = append(want, id)
		r.Do("ZADD", of.Key(kv.Bucket(id)), 0, id)
		r.Do("HSET", kv.StateKey(sku(id)), "a:product", `{"family":"1"}`)
	}
	check := func(what string) {
		t.Helper()
		for _, limit := range []int{7, 1000} {
			if diff := cmp.Diff(want, list(t, s, of, limit)); diff != "" {
				t.Fatalf("%s, %d at a time (-want +got):\n%s", what, limit, diff)
			}
		}
	}
	check("as it was found")
	if err := relate(s, t, "100", "", "1"); err != nil {
		t.Fatal(err)
	}
	want = append(want, "100")
	check("with a new member")
	for _, id := range want[:40] {
		if err := relate(s, t, id, "1", ""); err != nil {
			t.Fatal(err)
		}
	}
	want = want[40:]
	check("without those of old")
	if n := r.Do("ZSCORE", of.Head(), "\x00s"); n == nil {
		t.Error("the list is not known to be small")
	}
}

// TestLargeList adds and removes members beyond what a head holds, in both directions.
func TestLargeList(t *testing.T) {
	r := shared.Single(t)
	s := openAt(t, r.URL)
	of := family("1")
	var want []string
	for i := range 1500 {
		id := fmt.Sprintf("%04d", i)
		want = append(want, id)
		if err := relate(s, t, id, "", "1"); err != nil {
			t.Fatal(err)
		}
		if i == 100 {
			list(t, s, of, 1000) // marks it as small
		}
	}
	for _, limit := range []int{100, 5000} {
		if diff := cmp.Diff(want, list(t, s, of, limit)); diff != "" {
			t.Errorf("%d at a time (-want +got):\n%s", limit, diff)
		}
	}
	for _, id := range want[:1400] {
		if err := relate(s, t, id, "1", ""); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want[1400:], list(t, s, of, 1000)); diff != "" {
		t.Errorf("after most have gone (-want +got):\n%s", diff)
	}
}

// TestALateRemoval delays a syncer before it removes a SKU from a family. Meanwhile the SKU leaves the family and
// comes back.
func TestALateRemoval(t *testing.T) {
	r := shared.Single(t)
	at, held, release := holdRemoval(t, r.Addr)
	slow, quick := openAt(t, "redis://"+at), openAt(t, r.URL)
	if err := relate(quick, t, "1", "", "red"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- relate(slow, t, "1", "red", "blue") }()
	<-held
	// Either the move is recorded already, or another syncer makes it again.
	was := "red"
	if states, err := quick.States(t.Context(), []item.Entity{sku("1")}); err != nil {
		t.Fatal(err)
	} else if len(states[0].Applied["product"]["family"].IDs) > 0 {
		was = states[0].Applied["product"]["family"].IDs[0]
	}
	if was == "red" {
		if err := relate(quick, t, "1", "red", "blue"); err != nil {
			t.Fatal(err)
		}
	}
	if err := relate(quick, t, "1", "blue", "red"); err != nil {
		t.Fatal(err)
	}
	release()
	<-done
	if diff := cmp.Diff([]string{"1"}, list(t, quick, family("red"), 10)); diff != "" {
		t.Errorf("the family that it came back to (-want +got):\n%s", diff)
	}
}

// holdRemoval forwards to addr and, until release, holds back the command that removes a member from a list of the
// family "red".
func holdRemoval(t *testing.T, addr string) (at string, held chan struct{}, release func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	held, released := make(chan struct{}), make(chan struct{})
	removes := func(b []byte) bool {
		text := strings.ToLower(string(b))
		return strings.Contains(text, "product:red") && (strings.Contains(text, "zrem") || strings.Contains(text, "evalsha"))
	}
	once := false
	forward := func(to, from net.Conn, look bool) {
		defer to.Close()
		defer from.Close()
		for b := make([]byte, 64<<10); ; {
			n, err := from.Read(b)
			if err != nil {
				return
			}
			if look && !once && removes(bytes.Clone(b[:n])) {
				once = true
				close(held)
				<-released
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				in.Close()
				return
			}
			go forward(out, in, true)
			go forward(in, out, false)
		}
	}()
	return l.Addr().String(), held, func() { close(released) }
}

// TestListMemory compares the memory for a member of a family of 64 with what it took in buckets.
func TestListMemory(t *testing.T) {
	r := shared.Single(t)
	s := openAt(t, r.URL)
	const families, members = 10, 64
	for f := range families {
		target := fmt.Sprintf("f%06d", f)
		for m := range members {
			id := fmt.Sprint(1_000_000 + f*members + m)
			if err := relate(s, t, id, "", target); err != nil {
				t.Fatal(err)
			}
			old := family("old" + target)
			r.Do("ZADD", old.Key(kv.Bucket(id)), 0, id)
		}
	}
	usage := func(pattern string) (bytes int64) {
		for _, key := range r.Do("KEYS", pattern).([]any) {
			bytes += r.Do("MEMORY", "USAGE", key).(int64)
		}
		return bytes / (families * members)
	}
	now, before := usage("rel:{product:f*"), usage("rel:{product:old*")
	t.Logf("%d bytes a member of 64, %d in buckets", now, before)
	if now > 30 || before < 60 {
		t.Errorf("%d bytes a member, %d in buckets", now, before)
	}
}
