package audit

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// Fetcher asks the upstream of a dimension; *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Sampled is the result of comparing records with their upstreams.
type Sampled struct {
	Checked  int `json:"checked"`  // records whose upstream gave an answer that a worker would accept
	Stale    int `json:"stale"`    // of these, those that differed at both looks, and for which no change waits
	Waiting  int `json:"waiting"`  // of these, those that differ, and for which a change waits or is in work
	Back     int `json:"back"`     // of Stale, those whose upstream gives an older version than before
	Silent   int `json:"silent"`   // records whose upstream gave no answer, or one that is refused
	Repaired int `json:"repaired"` // stale records that were announced
}

// Bound is the upper bound, at 95% confidence, of the share of records that are stale or whose upstream is silent:
// Wilson's bound for a simple random sample. A silent upstream counts as stale, so that silence never improves the
// bound. It is 1 if nothing was asked.
func (s Sampled) Bound() float64 {
	asked := s.Checked + s.Silent
	if asked == 0 {
		return 1
	}
	const z = 1.645
	n, p := float64(asked), float64(s.Stale+s.Silent)/float64(asked)
	middle, width := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return min(1, (middle+width)/(1+z*z/n))
}

func (s *Sampled) add(o Sampled) {
	s.Checked += o.Checked
	s.Stale += o.Stale
	s.Waiting += o.Waiting
	s.Back += o.Back
	s.Silent += o.Silent
	s.Repaired += o.Repaired
}

// Sample compares n records, drawn at random from all, with their upstreams, and announces those that differ. It scans
// the whole store once to draw them. It answers a person who wants a figure; the Sampler works all day.
func (s *Sweeper) Sample(ctx context.Context, n int) (Sampled, error) {
	drawn, err := s.draw(ctx, n)
	if err != nil {
		return Sampled{}, err
	}
	c := comparison{Sweeper: s, suspects: map[*catalog.Dimension][]kv.RecordKey{}}
	for d, keys := range drawn {
		if err := c.compare(ctx, d, keys); err != nil {
			return c.Sampled, err
		}
	}
	return c.Sampled, c.settle(ctx)
}

// draw picks n records of all entities (reservoir sampling).
func (s *Sweeper) draw(ctx context.Context, n int) (map[*catalog.Dimension][]kv.RecordKey, error) {
	type record struct {
		dimension *catalog.Dimension
		key       kv.RecordKey
	}
	var picked []record
	seen := 0
	err := s.each(ctx, func(entities []item.Entity) error {
		for _, e := range entities {
			kind, err := s.Catalog().Kind(e.Kind)
			if err != nil || kind.Internal() {
				continue // of another catalog, or without an upstream
			}
			for _, d := range kind.Dimensions {
				r := record{d, kv.RecordKey{Entity: e, Dimension: d.Name}}
				seen++
				if len(picked) < n {
					picked = append(picked, r)
				} else if i := rand.IntN(seen); i < n {
					picked[i] = r
				}
			}
		}
		return nil
	})
	drawn := map[*catalog.Dimension][]kv.RecordKey{}
	for _, r := range picked {
		drawn[r.dimension] = append(drawn[r.dimension], r.key)
	}
	return drawn, err
}

// sameAs reports whether a record equals its upstream's answer, and in back whether the answer is older than the
// record. An answer that a worker would refuse says nothing about the record and is an error.
func sameAs(d *catalog.Dimension, held kv.Record, a upstream.Answer) (same, back bool, err error) {
	v, _, err := a.Value(d, held)
	if err != nil {
		return false, false, err
	}
	if v.Existence != kv.Alive {
		return held.Existence != kv.Alive, false, nil
	}
	same = held.Existence == kv.Alive && bytes.Equal(held.Body, v.Body)
	return same, !same && v.Version != "" && v.Version < held.Version, nil
}
