package rediskv_test

import (
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// TestGensOverAClockThatJumps proves that gens rise although the server's clock is an hour behind or ahead, as after
// a failover.
func TestGensOverAClockThatJumps(t *testing.T) {
	r := shared.Single(t)
	s := open(t, r.URL)
	for _, hours := range []time.Duration{-1, 0, 1} {
		before := uint64(time.Now().Add(hours * time.Hour).UnixMicro())
		r.Flush()
		r.Do("HSET", "gen:{sku:1}", "n", before)
		var last uint64
		for i, body := range []string{`{"a":1}`, `{"a":2}`} {
			p := kv.Put{RecordKey: record("1"), Value: alive(body)}
			if i > 0 {
				p.Expect = read(t, s, record("1")).Stamp
			}
			put(t, s, p)
			states, err := s.States(t.Context(), []item.Entity{sku("1")})
			if err != nil {
				t.Fatal(err)
			}
			gen := states[0].Gens["product"]
			if gen <= before || gen <= last {
				t.Errorf("%d h: gen %d after %d and %d", hours, gen, before, last)
			}
			last = gen
		}
	}
}
