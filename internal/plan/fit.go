package plan

import (
	"fmt"
	"math"
	"slices"
)

// Cost is what one quantity costs.
type Cost struct {
	Fixed float64 `json:"fixed"`
	Each  float64 `json:"each"` // for one unit of its driver
}

func (c Cost) of(units float64) float64 { return c.Fixed + c.Each*units }

// Costs are those of every quantity.
type Costs map[Quantity]Cost

// Fit computes costs from runs. It fails if the runs are all of one size.
func Fit(runs []Run) (Costs, error) {
	costs := Costs{}
	for q, d := range drivers() {
		c, err := fit(runs, q, d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		costs[q] = c
	}
	return costs, nil
}

// fit is the line through the runs with the least sum of squares of relative errors. Where that would have a negative part, that
// part is 0.
func fit(runs []Run, q Quantity, d Driver) (Cost, error) {
	most := 0.0
	for _, r := range runs {
		most = max(most, r.Measured[q])
	}
	if most == 0 {
		return Cost{}, nil
	}
	var w, wx, wxx, wy, wxy float64 // sums, weighted by 1/y²
	for _, r := range runs {
		x, y := r.Did[d], r.Measured[q]
		weight := 1 / max(y*y, most*most/1e4) // a run too short to measure does not outweigh the others
		w += weight
		wx += weight * x
		wxx += weight * x * x
		wy += weight * y
		wxy += weight * x * y
	}
	spread := w*wxx - wx*wx
	if spread <= 1e-9*w*wxx {
		return Cost{}, errSame
	}
	c := Cost{Each: (w*wxy - wx*wy) / spread}
	c.Fixed = (wy - c.Each*wx) / w
	switch {
	case c.Each < 0:
		return Cost{Fixed: wy / w}, nil
	case c.Fixed < 0:
		return Cost{Each: wxy / wxx}, nil
	}
	return c, nil
}

// Deviation says how far a prediction of a run is from what was measured.
type Deviation struct {
	Quantity  string  `json:"quantity"`
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"`
	Share     float64 `json:"error"` // (predicted - measured) / measured; 1 of what was nothing
}

// Deviations compares what costs predict of a run with what it measured: sums of CPU, memory and messages first, then each quantity.
func (c Costs) Deviations(r Run) []Deviation {
	var found []Deviation
	for _, sum := range []struct {
		name  string
		parts []Quantity
	}{
		{"CPU of changes", []Quantity{HeterogCPU, SyncerCPU, NATSCPU, RedisCPU, MirrorCPU}},
		{"CPU of pages", []Quantity{MemoryPageCPU, StorePageCPU, StorePageLoad}},
		{"memory", []Quantity{HeterogMemory, SyncerMemory, NATSMemory, DetailMemory, RedisMemory}},
		{"messages", []Quantity{Messages}},
	} {
		found = append(found, c.deviation(r, sum.name, sum.parts...))
	}
	for _, q := range quantities() {
		found = append(found, c.deviation(r, string(q), q))
	}
	return found
}

func (c Costs) deviation(r Run, name string, parts ...Quantity) Deviation {
	d := Deviation{Quantity: name}
	for _, q := range parts {
		d.Predicted += c[q].of(r.Did[drivers()[q]])
		d.Measured += r.Measured[q]
	}
	switch {
	case d.Measured > 0:
		d.Share = (d.Predicted - d.Measured) / d.Measured
	case d.Predicted > 0:
		d.Share = 1
	}
	return d
}

// quantities lists every quantity, sorted.
func quantities() []Quantity {
	var all []Quantity
	for q := range drivers() {
		all = append(all, q)
	}
	slices.Sort(all)
	return all
}

// CalibrationError predicts each run from the others and returns, of every sum and quantity, the prediction that is furthest off. It
// needs three runs or more, and returns nil of fewer.
func CalibrationError(runs []Run) ([]Deviation, error) {
	var worst []Deviation
	if len(runs) < 3 {
		return nil, nil
	}
	for i := range runs {
		costs, err := Fit(slices.Delete(slices.Clone(runs), i, i+1))
		if err != nil {
			return nil, err
		}
		for at, d := range costs.Deviations(runs[i]) {
			switch {
			case i == 0:
				worst = append(worst, d)
			case math.Abs(d.Share) > math.Abs(worst[at].Share):
				worst[at] = d
			}
		}
	}
	return worst, nil
}
