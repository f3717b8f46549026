// Package switches holds the degrade switches: named controls by which operators shed load and cut off what is sick.
//
// A switch is declared with its type, its default, what it does, and what the customer sees. Most are declared in code; the
// catalog declares one for each of its upstreams, live parts, overlays and joins. A Panel holds the switches of a process.
// Reading a switch is an atomic load.
//
// Settings come from outside, each for a scope; of several settings the one of the narrowest scope is in force. Where there is
// none, an Automaton may throw a switch: set it for a time, in its own process only.
package switches

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Type is the type of a switch's values.
type Type string

// The types.
const (
	OnOff    Type = "on/off"   // on is normal service, off is shed
	Percent  Type = "percent"  // 0 to 1000
	Duration Type = "duration" // 500ms, 10s, 5m
	Choice   Type = "choice"   // one of a few words
)

// Declaration describes a switch.
type Declaration struct {
	Name    string   `json:"name"`
	Type    Type     `json:"type"`
	Default string   `json:"default"`
	Choices []string `json:"choices,omitempty"`
	Does    string   `json:"does"`  // what its values do
	Shows   string   `json:"shows"` // what the customer sees
}

// ErrUnknown is a switch that is not declared, ErrValue a value that it does not take.
var (
	ErrUnknown = errors.New("no such switch")
	ErrValue   = errors.New("bad value")
)

// maxPercent is the highest percentage.
const maxPercent = 1000

// Parse parses a value of the switch. n is 1 for on and 0 for off, the percentage, the duration in ns, or the index among Choices. Parse
// fails with ErrValue; the error names the switch and the value.
func (d Declaration) Parse(value string) (n int64, err error) {
	switch d.Type {
	case OnOff:
		switch value {
		case "on":
			return 1, nil
		case "off":
			return 0, nil
		}
		return 0, fmt.Errorf("%w: %s is on or off, not %.40q", ErrValue, d.Name, value)
	case Percent:
		n, err := strconv.ParseInt(strings.TrimSuffix(value, "%"), 10, 64)
		if err != nil || n < 0 || n > maxPercent {
			return 0, fmt.Errorf("%w: %s takes 0 to %d percent, not %.40q", ErrValue, d.Name, maxPercent, value)
		}
		return n, nil
	case Duration:
		t, err := time.ParseDuration(value)
		if err != nil || t < 0 || t > 24*time.Hour {
			return 0, fmt.Errorf("%w: %s takes a duration of up to 24h, not %.40q", ErrValue, d.Name, value)
		}
		return int64(t), nil
	}
	if i := slices.Index(d.Choices, value); i >= 0 {
		return int64(i), nil
	}
	return 0, fmt.Errorf("%w: %s is one of %s, not %.40q", ErrValue, d.Name, strings.Join(d.Choices, ", "), value)
}

// Switch is a declared switch with the value in force. It is safe for concurrent use.
type Switch struct {
	Declaration
	n atomic.Int64
}

// On reports whether an on/off switch gives normal service. A nil Switch is on.
func (s *Switch) On() bool { return s == nil || s.n.Load() != 0 }

// Percent returns the value of a percent switch. For a nil Switch it returns 100.
func (s *Switch) Percent() int64 {
	if s == nil {
		return 100
	}
	return s.n.Load()
}

// Choice returns the value of a choice switch. It panics for a nil Switch.
func (s *Switch) Choice() string { return s.Choices[s.n.Load()] }
