package popular_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"vitrine/detail/popular"
)

func TestTop(t *testing.T) {
	c := popular.New(100, 1)
	for i := range 20_000 { // every other request is for a page that nobody requests again
		c.Count(fmt.Sprint("/once/", i))
		c.Count(fmt.Sprint("/often/", i%10))
		if i%10 == 0 {
			c.Count("/most")
			c.Count("/most")
		}
	}
	got := c.Top(11)
	if len(got) != 11 || got[0] != "/most" {
		t.Fatalf("the most popular paths are %v, want 11 that begin with /most", got)
	}
	slices.Sort(got)
	for i := range 10 {
		if !slices.Contains(got, fmt.Sprint("/often/", i)) {
			t.Errorf("%d is not among %v", i, got)
		}
	}
	if n := len(c.Top(1000)); n != 100 {
		t.Errorf("%d paths are kept", n)
	}
}

// TestRecentRequestsOutweighOlderOnes proves that recent requests outweigh older ones.
func TestRecentRequestsOutweighOlderOnes(t *testing.T) {
	c := popular.New(4, 1)
	for range 10_000 {
		c.Count("/yesterday")
	}
	for range 600 {
		c.Count("/today")
	}
	if got := c.Top(2); !slices.Equal(got, []string{"/today", "/yesterday"}) {
		t.Errorf("the most popular paths are %v, want /today before /yesterday", got)
	}
}

func TestConcurrentCounts(t *testing.T) {
	c := popular.New(8, 2)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Count(fmt.Sprint("/", i%20))
				c.Top(3)
			}
		})
	}
	all.Wait()
	if n := len(c.Top(100)); n != 8 {
		t.Errorf("%d paths", n)
	}
}

func BenchmarkCount(b *testing.B) {
	c := popular.New(4096, 16)
	paths := make([]string, 100_000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/item/%d.html", i)
	}
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c.Count(paths[i*7919%len(paths)])
		}
	})
}
