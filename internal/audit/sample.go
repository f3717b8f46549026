package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// Fetcher asks the owner of a dimension; *upstream.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) []upstream.Answer
}

// Sampled is what comparing records with their owners came to.
type Sampled struct {
	Checked  int // records whose owner answered
	Stale    int // records that are not what their owner says, though no change of it is known
	Back     int // of these, whose owner says an older version than it did before
	Silent   int // records whose owner did not answer
	Repaired int // stale records that were announced
}

// Bound is the share of stale records that is not exceeded with a confidence of 95%: Wilson's upper bound
// for a sample of Checked. 1 where nothing was checked.
func (s Sampled) Bound() float64 {
	if s.Checked == 0 {
		return 1
	}
	const z = 1.645
	n, p := float64(s.Checked), float64(s.Stale)/float64(s.Checked)
	middle, width := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return min(1, (middle+width)/(1+z*z/n))
}

func (s *Sampled) add(o Sampled) {
	s.Checked, s.Stale, s.Back, s.Silent, s.Repaired = s.Checked+o.Checked, s.Stale+o.Stale, s.Back+o.Back, s.Silent+o.Silent, s.Repaired+o.Repaired
}

// Sample compares n records, drawn with equal chances from all, with what their owners say. That alone finds
// a change that was never announced. What differs is announced.
func (s *Sweeper) Sample(ctx context.Context, n int) (all Sampled, err error) {
	drawn, err := s.draw(ctx, n)
	if err != nil {
		return all, err
	}
	for d, keys := range drawn {
		for len(keys) > 0 {
			some := keys[:min(len(keys), d.BatchMax)]
			keys = keys[len(some):]
			part, err := s.check(ctx, d, some)
			if err != nil {
				return all, err
			}
			all.add(part)
		}
	}
	return all, nil
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
			if err != nil {
				continue
			}
			for _, d := range kind.Dimensions {
				r := record{d, kv.RecordKey{Entity: e, Dimension: d.Name}}
				if seen++; len(picked) < n {
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

// check compares some records of one dimension with their owner.
func (s *Sweeper) check(ctx context.Context, d *catalog.Dimension, keys []kv.RecordKey) (out Sampled, err error) {
	held, err := s.Records.Records(ctx, keys)
	if err != nil {
		return out, fmt.Errorf("read records: %w", err)
	}
	asks := make([]upstream.Ask, len(keys))
	for i, k := range keys {
		asks[i].ID = k.Entity.ID
	}
	answers := s.Upstream.Fetch(ctx, d, asks)
	now, err := s.Records.Records(ctx, keys)
	if err != nil {
		return out, fmt.Errorf("read records: %w", err)
	}
	var stale []item.Change
	for i, k := range keys {
		same, back, err := sameAs(d, held[i], answers[i])
		switch {
		case err != nil:
			out.Silent++
			continue
		case now[i].Stamp != held[i].Stamp:
			continue // written meanwhile: nothing can be said
		}
		out.Checked++
		if same {
			continue
		}
		out.Stale++
		if back {
			out.Back++
			s.Log.Warn("an upstream went back", "record", k.String(), "version", held[i].Version.String())
		}
		stale = append(stale, item.Change{Lane: item.Refresh, Entity: k.Entity, Dimension: k.Dimension})
	}
	if s.DryRun || len(stale) == 0 {
		return out, nil
	}
	s.Log.Warn("changes were never announced", "dimension", d.Kind.Name+"."+d.Name, "records", len(stale), "first", stale[0].Subject())
	if err := s.Bus.PublishChanges(ctx, stale, bus.PublishOptions{Force: true}); err != nil {
		return out, fmt.Errorf("announce stale records: %w", err)
	}
	out.Repaired = len(stale)
	s.repaired("sample", len(stale))
	return out, nil
}

// sameAs tells whether a record is what its owner answers; back that the answer is older than the record.
func sameAs(d *catalog.Dimension, held kv.Record, a upstream.Answer) (same, back bool, err error) {
	if a.Err != nil {
		return false, false, a.Err
	}
	if a.Status == upstream.Gone {
		return held.Life != kv.Alive, false, nil
	}
	rec, gone, err := shape.MakeRecord(d, a.Body)
	switch {
	case errors.Is(err, item.ErrRefused) || errors.Is(err, item.ErrVersion):
		return true, false, nil // refused: the old record stays, rightly
	case err != nil:
		return false, false, err
	case gone:
		return held.Life != kv.Alive, false, nil
	}
	same = held.Life == kv.Alive && bytes.Equal(held.Body, rec.Body)
	return same, !same && rec.Version != "" && rec.Version < held.Version, nil
}
