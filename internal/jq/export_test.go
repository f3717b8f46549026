package jq

import "time"

// Bound gives a program other limits than MaxSteps and MaxTime.
func (p *Program) Bound(steps int, time time.Duration) {
	p.steps = steps
	p.time = time
}
