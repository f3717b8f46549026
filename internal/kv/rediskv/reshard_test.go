package rediskv_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

var ofBrand = kv.Relation{Target: item.Entity{Kind: "brand", ID: "1"}, Kind: "sku", Ref: "brand"}

// edited is an entity that a test edits, and what it has been told of it.
type edited struct {
	entity  item.Entity
	last    int // the number of the last edit that was acknowledged
	refused int // writes and reads that failed for now
}

// edit writes the next record and its blob, and reads both back, again and again where the store fails for now.
func (e *edited) edit(t *testing.T, s *rediskv.Store) {
	rec := kv.RecordKey{Entity: e.entity, Dimension: "product"}
	blob := kv.BlobKey{Entity: e.entity, Blob: "item"}
	body := strconv.Itoa(e.last + 1)
	refs := kv.Refs{"brand": {IDs: []string{"1"}}}
	for t.Context().Err() == nil {
		held, err := s.Records(t.Context(), []kv.RecordKey{rec, {Entity: e.entity, Dimension: "never"}})
		if err != nil {
			e.refused++
			continue
		}
		got, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: rec, Expect: held[0].Stamp, Value: alive(body), Refs: refs}})
		if err != nil || got[0].Outcome != kv.Applied {
			e.refused++
			continue
		}
		v := alive(`{"n":` + body + `}`)
		v.Stamp = got[0].State.Gens["product"]
		if _, err := s.PutBlobs(t.Context(), []kv.BlobPut{{BlobKey: blob, Value: v}}); err != nil {
			e.refused++
			continue
		}
		related := s.Relate(t.Context(), kv.Relate{Entity: e.entity, Dimension: "product", Add: []kv.Relation{ofBrand}, Was: got[0].State.Applied["product"], Now: refs})
		built := s.MarkBuilt(t.Context(), []kv.Built{{Entity: e.entity, Gens: map[string]uint64{"item": v.Stamp}}})
		if related != nil || built != nil {
			e.refused++
			continue
		}
		e.last++
		return
	}
}

// TestReshardingUnderChanges moves slots of a Cluster while entities are edited in all of them. Each edit that was
// acknowledged must be there at the end, and each entity in its lists and in a scan.
func TestReshardingUnderChanges(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	s := openAt(t, c.URL)
	const editing = 4
	moved := long.Pick(60, 2500)
	var all []*edited
	for i := 0; len(all) < editing*long.Pick(30, 500); i++ {
		if e := sku(fmt.Sprint(i)); rediskv.Slot(e.Token()) < moved {
			all = append(all, &edited{entity: e})
			all[len(all)-1].edit(t, s)
		}
	}
	stop := make(chan struct{})
	var editors sync.WaitGroup
	for n := range editing {
		editors.Go(func() {
			for i := n; ; i = (i + editing) % len(all) {
				select {
				case <-stop:
					return
				default:
				}
				all[i].edit(t, s)
			}
		})
	}
	c.Reshard(0, 1, moved)
	if slot := c.Nodes[0].Do("CLUSTER", "COUNTKEYSINSLOT", rediskv.Slot(all[0].entity.Token())); slot != int64(0) {
		t.Fatal("the slots of the entities were not moved")
	}
	close(stop)
	editors.Wait()

	edits, refused := 0, 0
	var keys []kv.RecordKey
	var blobs []kv.BlobKey
	var entities []item.Entity
	for _, e := range all {
		edits, refused = edits+e.last, refused+e.refused
		keys = append(keys, kv.RecordKey{Entity: e.entity, Dimension: "product"})
		blobs = append(blobs, kv.BlobKey{Entity: e.entity, Blob: "item"})
		entities = append(entities, e.entity)
	}
	t.Logf("%d edits while slots moved, %d steps tried again", edits, refused)
	records, err1 := s.Records(t.Context(), keys)
	built, err2 := s.Blobs(t.Context(), blobs)
	states, err3 := s.States(t.Context(), entities)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for i, e := range all {
		want := strconv.Itoa(e.last)
		if string(records[i].Body) != want || string(built[i].Body) != `{"n":`+want+`}` || states[i].Built["item"] != states[i].Gens["product"] {
			t.Errorf("%s: record %s, blob %s, state %+v; want %s", e.entity, records[i].Body, built[i].Body, states[i], want)
		}
	}
	if got := len(related(t, s)); got != len(all) {
		t.Errorf("%d of %d entities are in their list", got, len(all))
	}
	if got := entitiesFound(t, s); got != len(all) {
		t.Errorf("a scan finds %d of %d entities", got, len(all))
	}
}

func related(t *testing.T, s *rediskv.Store) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		some, next, err := s.Related(t.Context(), ofBrand, cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, some...)
		if next == "" {
			return ids
		}
		cursor = next
	}
}

func entitiesFound(t *testing.T, s *rediskv.Store) int {
	t.Helper()
	seen := map[item.Entity]bool{}
	for cursor := ""; ; {
		some, next, err := s.ScanEntities(t.Context(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range some {
			seen[e] = true
		}
		if next == "" {
			return len(seen)
		}
		cursor = next
	}
}

// TestAnEntityBetweenTwoMasters leaves a slot on its way from one master to another, with some of an entity's keys here and some
// there. All can be read, and a put that sees only some of the records does not have the state expire before the others.
func TestAnEntityBetweenTwoMasters(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	s := openAt(t, c.URL)
	e := sku("1")
	product, status := kv.RecordKey{Entity: e, Dimension: "product"}, kv.RecordKey{Entity: e, Dimension: "status"}
	unknown := kv.Value{Header: kv.Header{Existence: kv.Unknown}}
	put(t, s, kv.Put{RecordKey: product, Value: alive(`1`)}, kv.Put{RecordKey: status, Value: unknown})
	slot := c.Nodes[0].Do("CLUSTER", "KEYSLOT", product.String()).(int64)
	from := int(slot * redistest.Nodes / 16384)
	to := (from + 1) % redistest.Nodes
	finish := c.MoveSome(slot, from, to, kv.StateKey(e), status.String())

	held, err := s.Records(t.Context(), []kv.RecordKey{product, status})
	if err != nil || string(held[0].Body) != "1" || held[1].Existence != kv.Unknown {
		t.Fatalf("read %+v, %v", held, err)
	}
	put(t, s, kv.Put{RecordKey: status, Expect: held[1].Stamp, Value: unknown})
	finish(product.String())
	if left := c.Nodes[to].Do("TTL", kv.StateKey(e)); left != int64(-1) {
		t.Errorf("the state expires in %v s, before the record of a dimension that was elsewhere", left)
	}
	if got := read(t, s, product); string(got.Body) != "1" {
		t.Errorf("read %+v", got)
	}
}
