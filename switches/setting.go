package switches

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxFor bounds the For of a setting.
const maxFor = 366 * 24 * time.Hour

// Setting is a value that somebody set for a switch in a scope. A setting without a value is withdrawn: a wider scope decides.
// All times are by the clock of the store that settings are pushed to.
type Setting struct {
	Name   string     `json:"name"`
	Scope  string     `json:"scope"` // all, room:R, role:R or node:N
	Value  string     `json:"value"`
	Author string     `json:"author,omitempty"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at,omitzero"`      // when it was pushed
	For    string     `json:"for,omitempty"`    // how long it is in force from At on, as time.ParseDuration reads it; "" is without end
	Until  *time.Time `json:"until,omitempty"`  // At plus For; from then on Before is in force, or the value of a wider scope if Before is ""
	Before string     `json:"before,omitempty"` // the value before this one in its scope

	Revision uint64 `json:"revision,omitempty"`
}

// ReadSetting parses the body of a setting that was pushed under name and scope at a revision. at is when the store took it; the end is
// computed from that, not from the clock of who pushed it. ReadSetting fails with ErrValue. It does not check the value.
func ReadSetting(body []byte, name, scope string, revision uint64, at time.Time) (s Setting, err error) {
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrValue, err)
	}
	s.Name, s.Scope, s.Revision, s.At, s.Until = name, scope, revision, at.UTC(), nil
	if s.For == "" {
		return s, nil
	}
	period, err := time.ParseDuration(s.For)
	if err != nil || period <= 0 || period > maxFor {
		return s, fmt.Errorf("%w: %.40q is not how long a setting may last", ErrValue, s.For)
	}
	until := s.At.Add(period)
	s.Until = &until
	return s, nil
}

// Withdrawn reports whether the setting has no value, neither now nor after its end.
func (s Setting) Withdrawn() bool { return s.Value == "" && s.Before == "" }

// ValueAt returns the value at a time, "" for none.
func (s Setting) ValueAt(now time.Time) string {
	if s.Until != nil && !now.Before(*s.Until) {
		return s.Before
	}
	return s.Value
}

// ValueAfter returns the value in the setting's scope once the setting has ended; if it has no end, its own value.
func (s Setting) ValueAfter() string {
	if s.Until != nil {
		return s.Before
	}
	return s.Value
}
