package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// Member is a process that is expected to apply what is pushed.
type Member struct {
	Report
	Present bool      `json:"present"` // it reported within the last 10 s
	Seen    time.Time `json:"seen"`    // its last report by NATS's clock, to half a minute if it is not present
}

// Members lists the expected processes, by name: those that are present, and those that were and did not announce their
// end.
func Members(ctx context.Context, conn *bus.Conn) ([]Member, error) {
	byName := map[string]Member{}
	for _, bucket := range []string{rosterBucket, nodesBucket} { // in both, the entry in nodes is newer
		entries, err := conn.Bucket(bucket).Entries(ctx)
		if err != nil && !errors.Is(err, bus.ErrNoEntry) {
			return nil, fmt.Errorf("read who is there: %w", err)
		}
		for _, e := range entries {
			m := Member{Present: bucket == nodesBucket, Seen: e.Created}
			if json.Unmarshal(e.Value, &m.Report) == nil && m.Node != "" {
				byName[m.Qualified()] = m
			}
		}
	}
	named := map[string]bool{} // by processes that have an id
	for _, m := range byName {
		named[m.Node] = named[m.Node] || m.ID != ""
	}
	members := make([]Member, 0, len(byName))
	for _, m := range byName {
		if m.ID == "" && !m.Present && named[m.Node] {
			continue // it was restarted with a version that has ids
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Qualified(), b.Qualified()) })
	return members, nil
}

// namesOf maps qualified names to displayed ones: the plain name, or the qualified one if two processes share the plain
// name.
func namesOf(members []Member) map[string]string {
	of := map[string]int{}
	for _, m := range members {
		of[m.Node]++
	}
	names := map[string]string{}
	for _, m := range members {
		names[m.Qualified()] = m.Node
		if of[m.Node] > 1 {
			names[m.Qualified()] = m.Qualified()
		}
	}
	return names
}

const (
	expectedFor = 24 * time.Hour   // after a process was last heard of; see the bucket's declaration in bus
	comesBack   = 15 * time.Second // until running processes are on a new roster
)

// Unsure says why further processes may be expected than members lists, or "" if nothing suggests that: NATS lost its
// files, and it is unknown who was cut off then.
func Unsure(ctx context.Context, conn *bus.Conn, members []Member) string {
	made, err := conn.Bucket(rosterBucket).Made(ctx)
	if err != nil {
		return fmt.Sprintf("it can't be known who is missing: %v", err)
	}
	now, _ := conn.Now()
	for _, m := range members {
		if m.Present && now.Sub(m.Lost) < expectedFor {
			return fmt.Sprintf("it can't be known who is missing: NATS lost its files at %s, and with them who is expected; a process that has been cut off since then is not named",
				m.Lost.Local().Format(time.DateTime))
		}
	}
	if age := now.Sub(made); age < comesBack {
		return fmt.Sprintf("it can't be known who is missing: the list of who is expected was made %s ago, and processes that run may not be on it yet", age.Round(time.Second))
	}
	return ""
}

// Within gives the members in a scope.
func Within(members []Member, scope string) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return !m.Has(scope) })
}

// Forget removes a process that will not come back from the roster. A running process is back within seconds.
func Forget(ctx context.Context, conn *bus.Conn, node string) error {
	members, err := Members(ctx, conn)
	if err != nil {
		return err
	}
	var named []string
	for _, m := range members {
		if m.Node == node || m.Qualified() == node {
			named = append(named, m.Qualified())
		}
	}
	switch len(named) {
	case 0:
		return fmt.Errorf("nobody is called %.80q; vitrine switch nodes lists all", node)
	case 1:
	default:
		return fmt.Errorf("%d are called %.80q; say which: %s", len(named), node, strings.Join(named, ", "))
	}
	for _, bucket := range []string{nodesBucket, rosterBucket} {
		if err := conn.Bucket(bucket).Delete(ctx, item.EncodeID(named[0])); err != nil {
			return fmt.Errorf("forget %s: %w", node, err)
		}
	}
	return nil
}
