package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/switches"
)

// set checks a setting, pushes it by compare-and-set, and waits for who must have it.
func (f scopeFlags) set(e *env, conn *bus.Conn, p *switches.Panel, s switches.Setting, period time.Duration, asJSON bool) error {
	if err := f.check(period); err != nil {
		return err
	}
	if err := p.Check(s.Name, s.Value); err != nil {
		return usageError{err}
	}
	s.Scope, s.Reason, s.Author, s.At = f.Scope, f.Reason, cmp.Or(f.Author, userName()), time.Now().UTC()
	out := switchSet{Name: s.Name, Value: s.Value, Acked: []ack{}, Missing: []string{}, DryRun: f.DryRun}
	if f.DryRun {
		nodes, err := expected(e.ctx, conn, f.Scope)
		if err != nil {
			return err
		}
		out.Missing = nodes
		return out.print(e, asJSON)
	}
	if err := f.push(e.ctx, conn, s, period, &out); err != nil {
		return err
	}
	if err := out.print(e, asJSON); err != nil {
		return err
	}
	if len(out.Missing) > 0 {
		return errReported
	}
	return nil
}

func (f scopeFlags) check(period time.Duration) error {
	if err := switches.CheckScope(f.Scope); err != nil {
		return usageError{err}
	}
	if period < 0 || f.Wait <= 0 {
		return usagef("--for and --wait must be positive")
	}
	return nil
}

// push writes the setting and collects acknowledgements.
func (f scopeFlags) push(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration, out *switchSet) error {
	nodes, err := expected(ctx, conn, s.Scope)
	if err != nil {
		return err
	}
	type applied struct {
		revision uint64
		node     string
		at       time.Time
	}
	acks := make(chan applied, 4096)
	stop, err := conn.Listen(ctx, appliedHead+"*", func(subject string, node []byte) {
		revision, err := strconv.ParseUint(strings.TrimPrefix(subject, appliedHead), 10, 64)
		if err != nil {
			return
		}
		select {
		case acks <- applied{revision, string(node), time.Now()}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	began := time.Now()
	if out.Revision, err = pushSwitch(ctx, conn, s, period); err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, node := range nodes {
		waiting[node] = true
	}
	patience := time.NewTimer(f.Wait)
	defer patience.Stop()
	for len(waiting) > 0 {
		select {
		case a := <-acks:
			if a.revision == out.Revision && waiting[a.node] {
				delete(waiting, a.node)
				out.Acked = append(out.Acked, ack{a.node, float64(a.at.Sub(began).Microseconds()) / 1000})
			}
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		break
	}
	for node := range waiting {
		out.Missing = append(out.Missing, node)
	}
	slices.Sort(out.Missing)
	return nil
}

// pushSwitch writes a setting over the one that stands in its scope, and notes in it what that was.
func pushSwitch(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration) (revision uint64, err error) {
	bucket, key := conn.Bucket(switchBucket), switchKey(s.Name, s.Scope)
	for range 10 {
		old, err := bucket.Get(ctx, key)
		var before switches.Setting
		if err == nil {
			err = json.Unmarshal(old.Value, &before)
		}
		switch {
		case errors.Is(err, bus.ErrNoEntry):
		case err != nil:
			return 0, fmt.Errorf("read %s: %w", key, err)
		}
		if period > 0 {
			until := s.At.Add(period)
			s.Until, s.Before = &until, before.Value
			if before.Until != nil {
				s.Before = before.Before // what comes back is what was to come back
			}
		}
		body, err := json.Marshal(s)
		if err != nil {
			return 0, err
		}
		if old.Revision == 0 {
			revision, err = bucket.Create(ctx, key, body)
		} else {
			revision, err = bucket.Update(ctx, key, body, old.Revision)
		}
		if !errors.Is(err, item.ErrChanged) {
			return revision, err
		}
	}
	return 0, fmt.Errorf("set %s: %w by others, ten times", s.Name, item.ErrChanged)
}

// expected are the processes that a scope names, as they last said that they are there.
func expected(ctx context.Context, conn *bus.Conn, scope string) (nodes []string, err error) {
	all, err := present(ctx, conn)
	for _, p := range all {
		if p.Has(scope) {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes, err
}

func present(ctx context.Context, conn *bus.Conn) (all []presence, err error) {
	bucket := conn.Bucket(nodeBucket)
	keys, err := bucket.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		e, err := bucket.Get(ctx, key)
		var p presence
		if err != nil || json.Unmarshal(e.Value, &p) != nil {
			continue // gone meanwhile
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b presence) int { return strings.Compare(a.Node, b.Node) })
	return all, nil
}

func (out switchSet) print(e *env, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	if out.DryRun {
		_, err := fmt.Fprintf(e.stdout, "would set %s to %s in %d processes: %s\n", out.Name, out.Value, len(out.Missing), strings.Join(out.Missing, ", "))
		return err
	}
	fmt.Fprintf(e.stdout, "%s is %s, revision %d\n", out.Name, out.Value, out.Revision)
	for _, a := range out.Acked {
		fmt.Fprintf(e.stdout, "  %-50s %6.1f ms\n", a.Node, a.MS)
	}
	for _, node := range out.Missing {
		fmt.Fprintf(e.stdout, "  %-50s MISSING\n", node)
	}
	if len(out.Acked)+len(out.Missing) == 0 {
		fmt.Fprintln(e.stdout, "  no process is there; it is in force for those that start")
	}
	return nil
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
