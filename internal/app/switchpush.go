package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/switches"
)

// mostFor bounds --for.
const mostFor = 365 * 24 * time.Hour

// ack is a process that has answered a setting: what is in force there, and after how many milliseconds that was known here.
type ack struct {
	Node         string            `json:"node"`
	MS           float64           `json:"ms"`
	Value        string            `json:"value"`
	OverriddenBy *switches.Setting `json:"overridden_by"`
	Error        string            `json:"error,omitempty"` // why it is not in force there

	differs bool // from what was set
}

// switchSet is what switch set and switch unset print with --json.
type switchSet struct {
	Name     string            `json:"name"`
	Value    string            `json:"value"` // "" where it was withdrawn
	Revision uint64            `json:"revision"`
	Acked    []ack             `json:"acked"`
	Missing  []string          `json:"missing"`
	Why      map[string]string `json:"why,omitempty"` // of those that are missing
	DryRun   bool              `json:"dry_run,omitempty"`
}

// set checks a setting, pushes it by compare-and-set, and waits for who must have it.
func (f scopeFlags) set(e *env, conn *bus.Conn, p *switches.Panel, s switches.Setting, period time.Duration, asJSON bool) error {
	if err := f.check(period); err != nil {
		return err
	}
	if err := p.Check(s.Name, s.Value); err != nil {
		return usageError{err}
	}
	return f.put(e, conn, p, s, period, asJSON)
}

// put is set for a setting that is good. It fails where the value is not in force on every process that is expected.
func (f scopeFlags) put(e *env, conn *bus.Conn, p *switches.Panel, s switches.Setting, period time.Duration, asJSON bool) error {
	s.Scope, s.Reason, s.Author = f.Scope, f.Reason, cmp.Or(f.Author, userName())
	if f.DryRun {
		members, err := control.Members(e.ctx, conn)
		if err != nil {
			return err
		}
		out := switchSet{Name: s.Name, Value: s.Value, Acked: []ack{}, Missing: []string{}, DryRun: true}
		for _, m := range control.Within(members, s.Scope) {
			out.Missing = append(out.Missing, m.Node)
		}
		return out.print(e, asJSON)
	}
	out, err := setEverywhere(e.ctx, conn, p.Switch(s.Name), s, period, f.Wait)
	if err != nil {
		return err
	}
	if err := out.print(e, asJSON); err != nil {
		return err
	}
	if !out.everywhere() {
		return errReported
	}
	return nil
}

func (f scopeFlags) check(period time.Duration) error {
	if err := switches.CheckScope(f.Scope); err != nil {
		return usageError{err}
	}
	if period < 0 || period > mostFor || f.Wait <= 0 {
		return usagef("--for and --wait must be positive, --for at most a year")
	}
	return nil
}

// setEverywhere pushes a setting of the switch d, which is nil where nobody declares it any more, and collects what it came
// to in each process that its scope names.
func setEverywhere(ctx context.Context, conn *bus.Conn, d *switches.Switch, s switches.Setting, period, wait time.Duration) (out switchSet, err error) {
	members, err := control.Members(ctx, conn)
	if err != nil {
		return out, err
	}
	outcome, err := control.Push{
		Conn: conn, Bucket: switchBucket, Expected: control.Within(members, s.Scope), Wait: wait,
		Do: func(ctx context.Context) (key string, revision uint64, err error) {
			revision, err = pushSwitch(ctx, conn, s, period)
			return switchKey(s.Name, s.Scope), revision, err
		},
		Recall: func(r control.Report, revision uint64) (control.Ack, bool) { return recallSwitch(r, d, s, revision) },
	}.Run(ctx)
	if err != nil {
		return out, err
	}
	out = switchSet{Name: s.Name, Value: s.Value, Revision: outcome.Revision, Acked: []ack{}, Missing: []string{}, Why: map[string]string{}}
	for _, a := range outcome.Answers {
		got := ack{Node: a.Node, MS: a.MS, Value: a.Value, OverriddenBy: a.OverriddenBy, Error: a.Error}
		got.judge(d, s, a.Revision > outcome.Revision)
		out.Acked = append(out.Acked, got)
	}
	for _, m := range outcome.Missing {
		out.Missing, out.Why[m.Node] = append(out.Missing, m.Node), m.Why
	}
	return out, nil
}

// judge looks whether what was set is in force. What was withdrawn is, wherever that was taken.
func (a *ack) judge(d *switches.Switch, s switches.Setting, later bool) {
	if a.Error == "" && (s.Value == "" || d == nil || same(d, a.Value, s.Value)) {
		if s.Value != "" {
			a.OverriddenBy = nil // it says the same
		}
		return
	}
	a.differs = true
	if a.Error == "" && later && a.OverriddenBy == nil {
		a.Error = "somebody has set it again meanwhile"
	}
}

// same reports whether two texts are the same value: 50 and 50%.
func same(d *switches.Switch, a, b string) bool {
	n, err1 := d.Parse(a)
	m, err2 := d.Parse(b)
	return err1 == nil && err2 == nil && n == m
}

// recallSwitch makes the acknowledgement that was lost of what a process reports.
func recallSwitch(r control.Report, d *switches.Switch, s switches.Setting, revision uint64) (control.Ack, bool) {
	if r.Revision < revision || d == nil {
		return control.Ack{}, false
	}
	a := control.Ack{Key: switchKey(s.Name, s.Scope), Revision: revision, Value: d.Default}
	for _, v := range r.Moved {
		if v.Name != d.Name {
			continue
		}
		if a.Value = v.Value; v.By != nil && switchKey(v.By.Name, v.By.Scope) != a.Key {
			a.OverriddenBy = v.By
		}
	}
	return a, true
}

// pushSwitch writes a setting over the one that stands in its scope, and notes in it what that leaves behind.
func pushSwitch(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration) (revision uint64, err error) {
	bucket, key := conn.Bucket(switchBucket), switchKey(s.Name, s.Scope)
	before := s.Before
	for range 10 {
		old, err := bucket.Get(ctx, key)
		if err != nil && !errors.Is(err, bus.ErrNoEntry) {
			return 0, fmt.Errorf("read %s: %w", key, err)
		}
		if period > 0 {
			s.For, s.Before = period.String(), before
			if stands, ok := settingOf(old); before == "" && ok {
				s.Before = stands.ValueAfter()
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

// everywhere reports whether the value is in force on every process that is expected.
func (out switchSet) everywhere() bool {
	for _, a := range out.Acked {
		if a.differs {
			return false
		}
	}
	return len(out.Missing) == 0
}

func (out switchSet) print(e *env, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	what := "set to " + out.Value
	if out.Value == "" {
		what = "withdrawn"
	}
	if out.DryRun {
		_, err := fmt.Fprintf(e.stdout, "would be %s in %d processes: %s: %s\n", what, len(out.Missing), out.Name, strings.Join(out.Missing, ", "))
		return err
	}
	fmt.Fprintf(e.stdout, "%s is %s, revision %d\n", out.Name, what, out.Revision)
	for _, a := range out.Acked {
		fmt.Fprintf(e.stdout, "  %-50s %6.1f ms  %s\n", a.Node, a.MS, a.text())
	}
	for _, node := range out.Missing {
		fmt.Fprintf(e.stdout, "  %-50s MISSING    %s\n", node, out.Why[node])
	}
	if len(out.Acked)+len(out.Missing) == 0 {
		fmt.Fprintln(e.stdout, "  no process is there; it is in force for those that start")
	}
	return nil
}

// text tells people what is in force in a process.
func (a ack) text() string {
	text := a.Value
	if a.differs {
		text = "DIFFERS: " + cmp.Or(a.Value, "not known there")
	}
	if a.OverriddenBy != nil {
		text += ", " + because(a.OverriddenBy)
	}
	if a.Error != "" {
		text += ": " + a.Error
	}
	return text
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
