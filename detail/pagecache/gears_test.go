package pagecache_test

import (
	"fmt"
	"math"
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
			encode(encoder, body, "gzip")
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

// TestTheCodingThatPays proves that of all codings that a visitor accepts, and of all their levels, the one is chosen whose measured time
// is worth the bytes that it saves, and that the choice follows the measurements.
func TestTheCodingThatPays(t *testing.T) {
	type gear struct {
		coding pagecache.Coding
		level  int
	}
	takes := map[gear]time.Duration{} // all others take a millisecond
	waiting := 0.0
	encoder, err := pagecache.NewEncoder(pagecache.EncoderConfig{
		Waiting: func() float64 { return waiting },
		Meter: func(c pagecache.Coding, level int, work func()) time.Duration {
			work()
			if took, ok := takes[gear{c, level}]; ok {
				return took
			}
			return time.Millisecond
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := page()[:1200]
	most := func(accepts string) (chosen gear) {
		before, pages := map[gear]float64{}, 0.0
		for _, g := range encoder.Gears() {
			before[gear{g.Coding(), g.Level()}] = g.Pages()
		}
		for range 128 {
			encode(encoder, body, accepts)
		}
		for _, g := range encoder.Gears() {
			one := gear{g.Coding(), g.Level()}
			if n := g.Pages() - before[one]; n > pages {
				chosen, pages = one, n
			}
		}
		return chosen
	}
	expect := func(why, accepts string, want gear) {
		t.Helper()
		var got gear
		for range 200 { // what became slow or quick is tried now and then, so the estimate follows slowly
			if got = most(accepts); got == want {
				return
			}
		}
		t.Errorf("%s: for %q most bodies are compressed by %s at level %d, want %s at level %d",
			why, accepts, got.coding.Name(), got.level, want.coding.Name(), want.level)
	}
	const all = "gzip, deflate, br, zstd"
	smallest, least := gear{}, math.Inf(1)
	most(all)
	for _, g := range encoder.Gears() {
		if g.Left() < least {
			smallest, least = gear{g.Coding(), g.Level()}, g.Left()
		}
	}
	expect("of those that take as long the smallest body pays", all, smallest)
	takes[gear{pagecache.Brotli, 2}] = time.Microsecond
	expect("the quickest pays if others take a thousand times as long", all, gear{pagecache.Brotli, 2})
	takes[gear{pagecache.Gzip, 3}] = time.Microsecond
	expect("what a visitor does not accept is not chosen", "gzip", gear{pagecache.Gzip, 3})
	takes[gear{pagecache.Gzip, 3}], takes[gear{pagecache.Brotli, 2}], takes[gear{pagecache.Zstandard, 2}] = time.Second, time.Second, time.Microsecond
	expect("another became the quickest", all, gear{pagecache.Zstandard, 2})
	takes[gear{pagecache.Zstandard, 2}], takes[gear{pagecache.Zstandard, 1}], waiting = 200*time.Microsecond, 100*time.Microsecond, 1e6
	expect("in a crowd time counts alone", all, gear{pagecache.Zstandard, 1})
}

// encode compresses a body for a visitor who sends a field Accept-Encoding.
func encode(e *pagecache.Encoder, body []byte, accepts string) {
	e.Encode(e.Allow(pagecache.ParseAccepts([]string{accepts}, nil), "text/html", len(body)), body)
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
		if g.Coding() == pagecache.Gzip {
			pages[g.Level()] = int(g.Pages())
		}
	}
	return pages
}
