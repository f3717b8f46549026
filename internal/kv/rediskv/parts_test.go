package rediskv_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/kv/rediskv"
)

// TestPartsAreBoundedByBytes proves that a part is a MiB at most, or one larger value, so that a slow line can
// transfer it within a second.
func TestPartsAreBoundedByBytes(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes []int
		want  []int
	}{
		{"small ones go by their number", slices.Repeat([]int{100}, 250), []int{125, 125}},
		{"large ones by their bytes", slices.Repeat([]int{200 << 10}, 12), []int{5, 5, 2}},
		{"one that is too large goes alone", []int{100, 3 << 20, 3 << 20, 100}, []int{1, 1, 1, 1}},
		{"none is no part", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, rediskv.Parts(test.sizes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
