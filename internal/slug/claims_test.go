package slug_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/slug"
)

// TestClaimsInAnyOrder proves that claims come to the same whatever the order in which they are made, and however often.
func TestClaimsInAnyOrder(t *testing.T) {
	ids := make([]string, 3*slug.MostClaims)
	for i := range ids {
		ids[i] = fmt.Sprint(i + 1)
	}
	want, _ := slug.Claims(nil).With(ids...)
	if len(want) != slug.MostClaims || want[8] != "9" || want[9] != "10" {
		t.Fatalf("the claims are %v", want)
	}
	for range 20 {
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		var got slug.Claims
		for some := range slices.Chunk(append(slices.Clone(ids), ids[:40]...), 1+rand.IntN(50)) {
			got, _ = got.With(some...)
			got = slug.ParseClaims(got.Encode())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("claims are %v, want %v", got, want)
		}
		if _, more := got.With(ids...); more {
			t.Fatal("claims that are there make a difference")
		}
	}
}

func TestKeys(t *testing.T) {
	long := strings.Repeat("茶", 80)
	for _, s := range []string{"tea", strings.Repeat("a", 64), strings.Repeat("a", 65), long, long[:len(long)-3] + "a"} {
		if err := item.CheckID(slug.Key(s)); err != nil {
			t.Error(err)
		}
	}
	if slug.Key("tea") != "tea" || slug.Key(long) == slug.Key(long+"b") {
		t.Error(slug.Key("tea"), slug.Key(long), slug.Key(long+"b"))
	}
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`{"ids":["1","2"]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := slug.ParseClaims(body)
		if again := slug.ParseClaims(got.Encode()); !slices.Equal(got, again) {
			t.Fatalf("%q is %v, and then %v", body, got, again)
		}
	})
}
