package label_test

import (
	"fmt"
	"sync"
	"testing"

	"vitrine/internal/label"
)

func TestBound(t *testing.T) {
	b := label.NewBound(3)
	for _, c := range []struct{ name, want string }{
		{"a", "a"}, {"b", "b"}, {"a", "a"}, {"\xff", "\ufffd"}, {"\xff", "\ufffd"}, {"c", label.Other}, {"b", "b"}, {"", label.Other},
	} {
		if got := b.Of(c.name); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
	var all sync.WaitGroup
	many := label.NewBound(10)
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				many.Of(fmt.Sprint(i))
			}
		})
	}
	all.Wait()
	told := map[string]bool{}
	for i := range 1000 {
		told[many.Of(fmt.Sprint(i))] = true
	}
	if len(told) != 11 {
		t.Errorf("%d values", len(told))
	}
}
