package kv

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefsAreReadAsTheyAreWritten compares the quick reader with encoding/json.
func TestRefsAreReadAsTheyAreWritten(t *testing.T) {
	var c Codec
	for _, text := range []string{
		`{"brand":"8557","siblings":["1","2"],"none":[],"odd":["a\"b\u00e9","ü"]}`, `{}`, `{"a":["x"],"a":"y"}`, `{"a":1}`, `{"a":[1]}`, `{"a":"1"`, `[]`, `nope`,
	} {
		var want Refs
		errWant := json.Unmarshal([]byte(text), &want)
		got, err := c.readRefs([]byte(text))
		if (err == nil) != (errWant == nil) {
			t.Errorf("%s: %v, want %v", text, err, errWant)
		}
		if diff := cmp.Diff(want, got); err == nil && !want.Equal(got) {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
