package etag_test

import (
	"testing"

	"vitrine/internal/etag"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		tag    string
		want   bool
	}{
		{"the same", []string{`"a"`}, `"a"`, true},
		{"weakly", []string{`W/"a"`}, `"a"`, true},
		{"weakly, the other way round", []string{`"a"`}, `W/"a"`, true},
		{"one of a list", []string{`"x" , W/"a"`}, `"a"`, true},
		{"in a second field", []string{`"x"`, `"a"`}, `"a"`, true},
		{"any", []string{`*`}, `"a"`, true},
		{"another", []string{`"b"`}, `"a"`, false},
		{"none", nil, `"a"`, false},
		{"without quotes", []string{`a`}, `"a"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := etag.Match(c.fields, c.tag); got != c.want {
				t.Errorf("%v and %s: %t", c.fields, c.tag, got)
			}
		})
	}
}
