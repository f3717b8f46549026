package switches

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxFor bounds how long a setting may be set for.
const maxFor = 366 * 24 * time.Hour

// Setting is a value that somebody set for a scope. A setting without a value was withdrawn, so that a wider scope counts.
type Setting struct {
	Name   string     `json:"name"`
	Scope  string     `json:"scope"` // all, room:R, role:R or node:N
	Value  string     `json:"value"`
	Author string     `json:"author,omitempty"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at,omitzero"`      // when it was pushed; like all times here by the clock of the store that it is pushed to
	For    string     `json:"for,omitempty"`    // how long it is in force from At on, as time.ParseDuration reads it; "" is without end
	Until  *time.Time `json:"until,omitempty"`  // At and For together: from then on, Before is in force, or what a wider scope says where that is ""
	Before string     `json:"before,omitempty"` // the value before this one in its scope

	Revision uint64 `json:"revision,omitempty"`
}

// ReadSetting parses a setting as it was pushed. Its end follows from at, when the store took it, and not from the clock of whoever
// pushed it. It fails with ErrValue.
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

// Withdrawn reports whether the setting has no value, now and later.
func (s Setting) Withdrawn() bool { return s.Value == "" && s.Before == "" }

// ValueAt is the value at a time; "" for none.
func (s Setting) ValueAt(now time.Time) string {
	if s.Until != nil && !now.Before(*s.Until) {
		return s.Before
	}
	return s.Value
}

// ValueAfter is the value that stays in the setting's scope once it has ended; of a setting without an end its own.
func (s Setting) ValueAfter() string {
	if s.Until != nil {
		return s.Before
	}
	return s.Value
}
