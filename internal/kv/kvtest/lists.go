package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

func brand(id string) kv.Relation {
	return kv.Relation{Target: item.Entity{Kind: "brand", ID: id}, Kind: "sku", Ref: "brand"}
}

// related reads a whole list in the store's order, with at most limit members at a time.
func related(t *testing.T, s kv.Relater, of kv.Relation, limit int) (all []string) {
	t.Helper()
	cursor := ""
	for range 100_000 {
		ids, next, err := s.Related(t.Context(), of, cursor, limit)
		must(t, err)
		if len(ids) > limit {
			t.Fatalf("%d ids where %d were asked for", len(ids), limit)
		}
		all = append(all, ids...)
		if next == "" {
			return all
		}
		cursor = next
	}
	t.Fatal("the list does not end")
	return nil
}

func members(t *testing.T, s kv.Relater, of kv.Relation) []string {
	t.Helper()
	all := related(t, s, of, 100)
	slices.Sort(all)
	return all
}

func relates(t *testing.T, s Records) {
	e, old, now := sku("12049.1"), refs("brand", "old"), refs("brand", "new")
	must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Add: []kv.Relation{brand("old")}, Now: old}))
	if got := state(t, s, e).Applied["product"]; !got.Equal(old) {
		t.Errorf("applied %v, want %v", got, old)
	}
	move := kv.Relate{Entity: e, Dimension: "product", Add: []kv.Relation{brand("new")}, Remove: []kv.Relation{brand("old")}, Was: old, Now: now}
	must(t, s.Relate(t.Context(), move))
	if got := state(t, s, e).Applied["product"]; !got.Equal(now) {
		t.Errorf("applied %v, want %v", got, now)
	}
	if diff := cmp.Diff([][]string{nil, {"12049.1"}}, [][]string{members(t, s, brand("old")), members(t, s, brand("new"))}); diff != "" {
		t.Errorf("lists of old and new (-want +got):\n%s", diff)
	}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Remove: []kv.Relation{brand("new")}, Was: now, Now: kv.Refs{}}))
	if got, ok := state(t, s, e).Applied["product"]; ok || len(members(t, s, brand("new"))) != 0 {
		t.Errorf("after the last ref went: applied %v", got)
	}
}

func relateChanged(t *testing.T, s Records) {
	e, now := sku("1"), kv.Refs{"brand": {IDs: []string{"b"}}, "path": {IDs: []string{"2", "1"}, List: true}}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Add: []kv.Relation{brand("b")}, Was: kv.Refs{}, Now: now}))
	for name, was := range map[string]kv.Refs{
		"none": nil, "less": refs("brand", "b"), "others": refs("brand", "c"),
		"another order": {"brand": {IDs: []string{"b"}}, "path": {IDs: []string{"1", "2"}, List: true}},
		"a list":        {"brand": {IDs: []string{"b"}, List: true}, "path": {IDs: []string{"2", "1"}, List: true}},
	} {
		err := s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Was: was, Now: refs("brand", "x")})
		if !errors.Is(err, item.ErrChanged) {
			t.Errorf("over %s: error %v", name, err)
		}
	}
	if got := state(t, s, e).Applied["product"]; !got.Equal(now) {
		t.Errorf("applied %v, want %v", got, now)
	}
	must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "specs", Now: refs("brand", "b")})) // each dimension has a state of its own
	must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Was: now, Now: now}))
}

func relateOnce(t *testing.T, s Records) {
	var group sync.WaitGroup
	var won atomic.Int32
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			name := fmt.Sprint(i)
			errs[i] = s.Relate(t.Context(), kv.Relate{Entity: sku("1"), Dimension: "product", Add: []kv.Relation{brand(name)}, Now: refs("brand", name)})
			if errs[i] == nil {
				won.Add(1)
			} else if errors.Is(errs[i], item.ErrChanged) {
				errs[i] = nil
			}
		})
	}
	group.Wait()
	must(t, errors.Join(errs...))
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func pagesList(t *testing.T, s Records) {
	want := numbered(3000)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(64)
	for _, id := range want {
		group.Go(func() error {
			return s.Relate(ctx, kv.Relate{Entity: sku(id), Dimension: "product", Add: []kv.Relation{brand("b")}, Now: refs("brand", "b")})
		})
	}
	must(t, group.Wait())
	slices.Sort(want)
	for _, limit := range []int{7, 250, 10_000} {
		got := related(t, s, brand("b"), limit)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func idsInLists(t *testing.T, s Records) {
	want := ids()
	for _, target := range want {
		of := brand(target)
		must(t, s.Relate(t.Context(), kv.Relate{Entity: sku(target), Dimension: "product", Add: []kv.Relation{of}, Now: refs("brand", target)}))
		must(t, s.Relate(t.Context(), kv.Relate{Entity: sku(target), Dimension: "all", Add: []kv.Relation{brand("each")}, Now: refs("brand", "each")}))
		if diff := cmp.Diff([]string{target}, members(t, s, of)); diff != "" {
			t.Errorf("list of %q (-want +got):\n%s", target, diff)
		}
	}
	got := related(t, s, brand("each"), 1)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("one at a time (-want +got):\n%s", diff)
	}
}

func listsApart(t *testing.T, s Records) {
	lists := []kv.Relation{
		brand("1"), brand("12"), {Target: item.Entity{Kind: "shop", ID: "1"}, Kind: "sku", Ref: "brand"},
		{Target: item.Entity{Kind: "brand", ID: "1"}, Kind: "sku", Ref: "brand_2"}, {Target: item.Entity{Kind: "brand", ID: "1"}, Kind: "sku_2", Ref: "brand"},
	}
	for i, of := range lists {
		e := item.Entity{Kind: of.Kind, ID: fmt.Sprintf("member-%d", i)}
		must(t, s.Relate(t.Context(), kv.Relate{Entity: e, Dimension: "product", Add: []kv.Relation{of}, Now: refs(of.Ref, of.Target.ID)}))
	}
	for i, of := range lists {
		if diff := cmp.Diff([]string{fmt.Sprintf("member-%d", i)}, members(t, s, of)); diff != "" {
			t.Errorf("list %+v (-want +got):\n%s", of, diff)
		}
	}
	if got := members(t, s, brand("2")); len(got) != 0 {
		t.Errorf("a list of nothing has %v", got)
	}
}
