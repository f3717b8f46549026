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
	"vitrine/switches"
)

// SwitchAck is a process's answer to a setting: what is in force there, and the milliseconds until that was known here.
type SwitchAck struct {
	Node         string            `json:"node"`
	MS           float64           `json:"ms"`
	Value        string            `json:"value"`
	OverriddenBy *switches.Setting `json:"overridden_by"`
	Note         string            `json:"note,omitempty"`  // what is not yet as it will be, although the value is in force
	Error        string            `json:"error,omitempty"` // why it is not in force there

	Differs bool `json:"-"` // the value in force differs from the one that was set
}

// SwitchOutcome is the result of a pushed setting; switch set and switch unset print it with --json.
type SwitchOutcome struct {
	Name     string            `json:"name"`
	Value    string            `json:"value"` // "" if it was withdrawn
	Revision uint64            `json:"revision"`
	Acked    []SwitchAck       `json:"acked"`
	Missing  []string          `json:"missing"`
	Why      map[string]string `json:"why,omitempty"`    // the reasons for missing processes
	Unsure   string            `json:"unsure,omitempty"` // why further processes may be missing
	Rooms    []RoomOutcome     `json:"rooms,omitempty"`  // the other rooms of the shop
	DryRun   bool              `json:"dry_run,omitempty"`
}

const (
	switchWait = 2 * time.Second
	frontWait  = reloadWithin + 3*time.Second // nginx reads its file, and its old workers end
)

// Patience returns how long members may take to have a setting in force. Those that have an nginx reloaded may take longer.
func Patience(members []Member) time.Duration {
	if slices.ContainsFunc(members, func(m Member) bool { return m.Present && m.Role == "front" }) {
		return frontWait
	}
	return switchWait
}

// SetSwitch pushes a setting of the switch d, which is nil if nothing declares it any more, and collects the result in
// each process of its scope. A wait of zero is Patience's.
func SetSwitch(ctx context.Context, conn *bus.Conn, d *switches.Switch, s switches.Setting, period, wait time.Duration) (out SwitchOutcome, err error) {
	members, err := Members(ctx, conn)
	if err != nil {
		return out, err
	}
	expected := Within(members, s.Scope)
	outcome, err := Push{
		Conn: conn, Bucket: SwitchBucket, Expected: expected, Wait: cmp.Or(wait, Patience(expected)),
		Do: func(ctx context.Context) (key string, revision uint64, err error) {
			revision, err = pushSwitch(ctx, conn, s, period)
			return switchKey(s.Name, s.Scope), revision, err
		},
		Recall: func(r Report, revision uint64) (Ack, bool) { return recallSwitch(r, d, s, revision) },
	}.Run(ctx)
	if err != nil {
		return out, err
	}
	out = SwitchOutcome{Name: s.Name, Value: s.Value, Revision: outcome.Revision, Acked: []SwitchAck{}, Missing: []string{}, Why: map[string]string{}}
	for _, a := range outcome.Acks {
		got := SwitchAck{Node: a.Node, MS: a.MS, Value: a.Value, OverriddenBy: a.OverriddenBy, Note: a.Note, Error: a.Error}
		got.judge(d, s, a.Revision > outcome.Revision)
		out.Acked = append(out.Acked, got)
	}
	for _, m := range outcome.Missing {
		out.Missing = append(out.Missing, m.Node)
		out.Why[m.Node] = m.Why
	}
	out.Unsure = Unsure(ctx, conn, members)
	return out, nil
}

// judge checks whether what was set is in force. A withdrawal is in force wherever it was applied.
func (a *SwitchAck) judge(d *switches.Switch, s switches.Setting, later bool) {
	if a.Error == "" && (s.Value == "" || d == nil || same(d, a.Value, s.Value)) {
		if s.Value != "" {
			a.OverriddenBy = nil // it says the same
		}
		return
	}
	a.Differs = true
	if a.Error == "" && later && a.OverriddenBy == nil {
		a.Error = "somebody has set it again meanwhile"
	}
}

// same reports whether two texts are the same value, like 50 and 50%.
func same(d *switches.Switch, a, b string) bool {
	n, err1 := d.Parse(a)
	m, err2 := d.Parse(b)
	return err1 == nil && err2 == nil && n == m
}

// recallSwitch makes a lost acknowledgement from a process's report.
func recallSwitch(r Report, d *switches.Switch, s switches.Setting, revision uint64) (Ack, bool) {
	if r.Revision < revision || d == nil {
		return Ack{}, false
	}
	a := Ack{Key: switchKey(s.Name, s.Scope), Revision: revision, Value: d.Default}
	for _, v := range r.Moved {
		if v.Name != d.Name {
			continue
		}
		a.Value = v.Value
		if v.By != nil && switchKey(v.By.Name, v.By.Scope) != a.Key {
			a.OverriddenBy = v.By
		}
	}
	return a, true
}

// pushSwitch writes a setting over the present one of its scope, and records in it what it replaces.
func pushSwitch(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration) (revision uint64, err error) {
	bucket, key := conn.Bucket(SwitchBucket), switchKey(s.Name, s.Scope)
	before := s.Before
	for range 10 {
		old, err := bucket.Head(ctx, key)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", key, err)
		}
		if period > 0 {
			s.For = period.String()
			s.Before = before
			if stands, ok := SettingOf(old); before == "" && ok && old.Revision > 0 {
				s.Before = stands.ValueAfter()
			}
		}
		body, err := json.Marshal(s)
		if err != nil {
			return 0, err
		}
		revision, err = bucket.PushOver(ctx, old, body)
		if !errors.Is(err, item.ErrChanged) {
			return revision, err
		}
	}
	return 0, fmt.Errorf("set %s: %w by others, ten times", s.Name, item.ErrChanged)
}

// Everywhere reports whether the value is in force in every expected process.
func (out SwitchOutcome) Everywhere() bool {
	for _, a := range out.Acked {
		if a.Differs {
			return false
		}
	}
	return len(out.Missing) == 0 && !slices.ContainsFunc(out.Rooms, func(r RoomOutcome) bool { return !r.Everywhere() })
}
