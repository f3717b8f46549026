package control

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/switches"
)

// Reports are what processes report of themselves. A report is looked up by a whole identity, since two processes may have one name.
type Reports struct {
	byName map[string]Report // qualified
}

// Of returns the report of a process. It reports false for one that has not answered.
func (r Reports) Of(who switches.Identity) (Report, bool) {
	report, ok := r.byName[who.Qualified()]
	return report, ok
}

// All returns the reports, sorted by qualified name.
func (r Reports) All() (all []Report) {
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		all = append(all, r.byName[name])
	}
	return all
}

// Ask has every process report. It returns when all of members that are present have, or when the time is over.
func Ask(ctx context.Context, conn *bus.Conn, members []Member, within time.Duration) (Reports, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	waiting := map[string]bool{}
	for _, m := range members {
		if m.Present {
			waiting[m.Qualified()] = true
		}
	}
	reports := Reports{map[string]Report{}}
	if len(waiting) == 0 {
		return reports, nil
	}
	err := conn.Request(ctx, askSubject, func(body []byte) (done bool) {
		var r Report
		if json.Unmarshal(body, &r) == nil {
			reports.byName[r.Qualified()] = r
			delete(waiting, r.Qualified())
		}
		return len(waiting) == 0
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return reports, nil
	}
	return reports, err
}

// Joined returns reports of processes that answer here, and are at home at another NATS: the two are joined, by a leaf node or otherwise. It takes as long as within.
func Joined(ctx context.Context, conn *bus.Conn, within time.Duration) (strangers []Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	reports := Reports{map[string]Report{}}
	err = conn.Request(ctx, askSubject, func(body []byte) (done bool) {
		var r Report
		if json.Unmarshal(body, &r) == nil {
			reports.byName[r.Qualified()] = r
		}
		return false
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	members, err := Members(context.WithoutCancel(ctx), conn)
	for _, r := range reports.All() {
		if !slices.ContainsFunc(members, func(m Member) bool { return m.Qualified() == r.Qualified() }) {
			strangers = append(strangers, r)
		}
	}
	return strangers, err
}
