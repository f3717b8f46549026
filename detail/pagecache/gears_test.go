package pagecache_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vitrine/detail/pagecache"
)

// TestTheLevelThatPays proves which compression level is chosen: without waiting requests the one whose time is worth
// the bytes that it saves, under load the fastest, and another one when the measurements change.
func TestTheLevelThatPays(t *testing.T) {
	takes := map[int]time.Duration{1: time.Microsecond, 3: 2 * time.Microsecond, 5: 3 * time.Microsecond, 6: 100 * time.Microsecond}
	waiting := 0.0
	encoder, err := pagecache.NewEncoder(pagecache.EncoderConfig{
		Waiting: func() float64 { return waiting },
		Meter: func(_ pagecache.Coding, level int, work func()) time.Duration {
			work()
			return takes[level]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := page()
	most := func() (level int) {
		before := pagesByLevel(encoder)
		for range 512 {
			encoder.Encode(pagecache.Encoding{Coding: pagecache.Gzip}, body)
		}
		for l, n := range pagesByLevel(encoder) {
			switch n -= before[l]; {
			case n > 480:
				level = l
			case n == 0:
				t.Errorf("level %d is not measured any more", l)
			}
		}
		return level
	}
	if level := most(); level != 5 {
		t.Errorf("at rest most pages are compressed at level %d, want 5", level)
	}
	waiting = 1e6
	if level := most(); level != 1 {
		t.Errorf("in a crowd most pages are compressed at level %d, want 1", level)
	}
	waiting, takes[5], takes[6] = 0, time.Minute, 3*time.Microsecond
	for range 8 { // each level is tried now and then, so the estimate follows slowly
		most()
	}
	if level := most(); level != 6 {
		t.Errorf("after level 6 has become quick, most pages are compressed at level %d", level)
	}
}

// page returns HTML that each higher level of gzip makes smaller.
func page() []byte {
	r := rand.New(rand.NewPCG(14, 4))
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, `<li class="card"><a href="/item/%d.html"><img src="/pictures/%d-%d.svg" alt="%s lamp" width="200"></a></li>`+"\n",
			r.IntN(1e6), r.IntN(1e6), i, strings.Repeat("table ", r.IntN(4)))
	}
	return []byte(b.String())
}

func pagesByLevel(e *pagecache.Encoder) map[int]int {
	pages := map[int]int{}
	for _, g := range e.Gears() {
		if g.Coding == pagecache.Gzip {
			pages[g.Level] = int(g.Pages())
		}
	}
	return pages
}
