// Package popular counts requests for pages, to find those that are popular.
package popular

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Counter counts a sample of the requests for pages by their path, in bounded memory. It uses the Space-Saving algorithm (Metwally,
// Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005): after N requests, it has
// each path that more than N/size of them asked for, however many other paths were asked for. Counts are halved from time
// to time, so that older requests weigh less. A Counter is safe for concurrent use.
type Counter struct {
	size  int
	every uint32

	mu    sync.Mutex // guards all below
	total int        // of all counts
	paths map[string]*count
	least queue
}

type count struct {
	path string
	n    int
	at   int // index in the queue
}

// agingAfter is the mean count of a path at which all counts are halved.
const agingAfter = 64

// New makes a Counter of up to size paths. It counts one request out of every, on average.
func New(size int, every uint32) *Counter {
	return &Counter{size: size, every: every, paths: map[string]*count{}}
}

// Count counts a request for an existing page. It does not keep path, whose bytes may change afterwards.
func (c *Counter) Count(path string) {
	if c.every > 1 && rand.Uint32N(c.every) > 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.paths[path]
	switch {
	case known != nil:
		known.n++
		heap.Fix(&c.least, known.at)
	case len(c.least) < c.size:
		heap.Push(&c.least, c.add(path, 1))
	default: // the path takes the place, and the count, of the one that is asked for least
		rarest := c.least[0]
		delete(c.paths, rarest.path)
		c.least[0] = c.add(path, rarest.n+1)
		heap.Fix(&c.least, 0)
	}
	c.total++
	if c.total > agingAfter*c.size {
		c.age()
	}
}

// Top returns up to n paths, the most popular first.
func (c *Counter) Top(n int) (paths []string) {
	c.mu.Lock()
	counts := make([]count, len(c.least))
	for i, known := range c.least {
		counts[i] = *known
	}
	c.mu.Unlock()
	slices.SortFunc(counts, func(a, b count) int { return cmp.Or(b.n-a.n, cmp.Compare(a.path, b.path)) })
	for _, known := range counts[:min(n, len(counts))] {
		paths = append(paths, known.path)
	}
	return paths
}

func (c *Counter) add(path string, n int) *count {
	known := &count{path: strings.Clone(path), n: n}
	c.paths[known.path] = known
	return known
}

// age halves all counts, which leaves their order unchanged.
func (c *Counter) age() {
	c.total = 0
	for _, known := range c.least {
		known.n /= 2
		c.total += known.n
	}
}

// queue is a heap of counts, the smallest first.
type queue []*count

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].n < q[j].n }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(x any) {
	known := x.(*count)
	known.at = len(*q)
	*q = append(*q, known)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	known := (*q)[last]
	*q = (*q)[:last]
	return known
}
