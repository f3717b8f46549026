package shape_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

func TestLookupTakesKeysAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		path             catalog.Path
	}{
		{"a nested key", `{"a":{"b":1.0}}`, `1.0`, catalog.Path{"a", "b"}},
		{"the last of two", `{"a":1,"a":2}`, `2`, catalog.Path{"a"}},
		{"the last of two above", `{"a":{"b":1},"a":{"c":2}}`, ``, catalog.Path{"a", "b"}},
		{"an escaped key", `{"\u0061":3}`, `3`, catalog.Path{"a"}},
		{"a null", `{"a":null}`, `null`, catalog.Path{"a"}},
		{"no index", `{"a":[1]}`, ``, catalog.Path{"a", "0"}},
		{"no count", `{"a":[1]}`, ``, catalog.Path{"a", "#"}},
		{"a key that is a number", `{"a":{"0":4}}`, `4`, catalog.Path{"a", "0"}},
		{"no pattern", `{"ab":1}`, ``, catalog.Path{"a*"}},
		{"no modifier", `{"a":1}`, ``, catalog.Path{"@this"}},
		{"a key with a pipe", `{"a|b":5}`, `5`, catalog.Path{"a|b"}},
		{"nothing in text", `"a"`, ``, catalog.Path{"a"}},
		{"nothing for no path", `{"a":1}`, ``, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := shape.Lookup([]byte(c.body), c.path)
			if ok != (c.want != "") || got.Raw != c.want && ok {
				t.Errorf("%s, %v; want %q", got.Raw, ok, c.want)
			}
		})
	}
}

// TestTheLastOfTwoKeysCounts proves that version and refs are read from the last of two equal keys, as a decoder
// reads the fields that are shown.
func TestTheLastOfTwoKeysCounts(t *testing.T) {
	d := declare(t, `, version: v, refs: { brand: b }`, "").Dimensions[0]
	rec, _, err := shape.MakeRecord(d, []byte(`{"v":1,"b":"old","v":2,"b":"new"}`))
	if err != nil || rec.Version.String() != "2" {
		t.Errorf("version %s, error %v", rec.Version, err)
	}
	if diff := cmp.Diff(kv.Refs{"brand": {IDs: []string{"new"}}}, rec.Refs); diff != "" {
		t.Error(diff)
	}
}
