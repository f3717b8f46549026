package wanted_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"vitrine/detail/wanted"
)

func TestMost(t *testing.T) {
	c := wanted.New(100, 1)
	for i := range 20_000 { // every other request is for a page that nobody requests again
		c.Asked(fmt.Sprint("/once/", i))
		c.Asked(fmt.Sprint("/often/", i%10))
		if i%10 == 0 {
			c.Asked("/most")
			c.Asked("/most")
		}
	}
	got := c.Most(11)
	if len(got) != 11 || got[0] != "/most" {
		t.Fatal(got)
	}
	slices.Sort(got)
	for i := range 10 {
		if !slices.Contains(got, fmt.Sprint("/often/", i)) {
			t.Errorf("%d is not among %v", i, got)
		}
	}
	if n := len(c.Most(1000)); n != 100 {
		t.Errorf("%d paths are kept", n)
	}
}

// TestWhatIsWantedNow proves that recent requests outweigh older ones.
func TestWhatIsWantedNow(t *testing.T) {
	c := wanted.New(4, 1)
	for range 10_000 {
		c.Asked("/yesterday")
	}
	for range 600 {
		c.Asked("/today")
	}
	if got := c.Most(2); !slices.Equal(got, []string{"/today", "/yesterday"}) {
		t.Error(got)
	}
}

func TestManyAtOnce(t *testing.T) {
	c := wanted.New(8, 2)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Asked(fmt.Sprint("/", i%20))
				c.Most(3)
			}
		})
	}
	all.Wait()
	if n := len(c.Most(100)); n != 8 {
		t.Errorf("%d paths", n)
	}
}

func BenchmarkAsked(b *testing.B) {
	c := wanted.New(4096, 16)
	paths := make([]string, 100_000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/item/%d.html", i)
	}
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c.Asked(paths[i*7919%len(paths)])
		}
	})
}
