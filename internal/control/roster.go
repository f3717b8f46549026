package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// Member is a process that is expected to apply what is pushed.
type Member struct {
	Report
	Present bool      `json:"present"` // it told within the last 10 s that it is there
	Seen    time.Time `json:"seen"`    // when it told last; by the clock of NATS, to half a minute for those not present
}

// Members are the processes that are expected, by name: those that are there, and those that were and did not say good-bye.
func Members(ctx context.Context, conn *bus.Conn) ([]Member, error) {
	byNode := map[string]Member{}
	for _, bucket := range []string{rosterBucket, nodesBucket} { // of both, what nodes says is newer
		entries, err := conn.Bucket(bucket).Entries(ctx)
		if err != nil && !errors.Is(err, bus.ErrNoEntry) {
			return nil, fmt.Errorf("read who is there: %w", err)
		}
		for _, e := range entries {
			m := Member{Present: bucket == nodesBucket, Seen: e.Created}
			if json.Unmarshal(e.Value, &m.Report) == nil && m.Node != "" {
				byNode[m.Node] = m
			}
		}
	}
	members := make([]Member, 0, len(byNode))
	for _, m := range byNode {
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Node, b.Node) })
	return members, nil
}

// Within keeps the members that a scope names.
func Within(members []Member, scope string) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return !m.Has(scope) })
}

// Forget takes a process off the roster: it will not come back. One that is there is back within seconds.
func Forget(ctx context.Context, conn *bus.Conn, node string) error {
	members, err := Members(ctx, conn)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(members, func(m Member) bool { return m.Node == node }) {
		return fmt.Errorf("nobody is called %.80q; vitrine switch nodes lists all", node)
	}
	for _, bucket := range []string{nodesBucket, rosterBucket} {
		if err := conn.Bucket(bucket).Delete(ctx, item.EncodeID(node)); err != nil {
			return fmt.Errorf("forget %s: %w", node, err)
		}
	}
	return nil
}

// Ask has every process report, and returns when all of members that are present have, or when the time is over.
func Ask(ctx context.Context, conn *bus.Conn, members []Member, within time.Duration) (map[string]Report, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	waiting := map[string]bool{}
	for _, m := range members {
		waiting[m.Node] = m.Present
		if !m.Present {
			delete(waiting, m.Node)
		}
	}
	reports := map[string]Report{}
	if len(waiting) == 0 {
		return reports, nil
	}
	err := conn.Request(ctx, askSubject, func(body []byte) (done bool) {
		var r Report
		if json.Unmarshal(body, &r) == nil {
			reports[r.Node] = r
			delete(waiting, r.Node)
		}
		return len(waiting) == 0
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return reports, nil
	}
	return reports, err
}
