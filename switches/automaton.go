package switches

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// AutomatonAuthor is the Author of what an automaton sets.
const AutomatonAuthor = "automaton"

// Rules are the rules of an automaton.
type Rules struct {
	Limit int    `yaml:"limit" json:"limit"` // how many rules may hold their switch at once in one process. Defaults to 2
	Rules []Rule `yaml:"rules" json:"rules"`
}

// Rule throws a switch of its own process for a time, when a signal has been above a threshold for a while.
type Rule struct {
	Name   string        `yaml:"name" json:"name"`
	Signal string        `yaml:"signal" json:"signal"` // cpu, memory, errors, queue, latency.TIER or upstream.NAME
	Above  float64       `yaml:"above" json:"above"`
	For    time.Duration `yaml:"for" json:"for"`     // how long the signal must be above without a break. Defaults to 5 s
	Set    string        `yaml:"set" json:"set"`     // NAME=VALUE
	Hold   time.Duration `yaml:"hold" json:"hold"`   // how long the switch is held at least. Defaults to 30 s
	Probe  time.Duration `yaml:"probe" json:"probe"` // how long after the hold a signal above throws the switch again at once, for twice as long. Defaults to 15 s

	Switch string `yaml:"-" json:"-"` // the NAME of Set
	Value  string `yaml:"-" json:"-"` // the VALUE of Set
}

// Signals describes each signal, for people.
var Signals = map[string]string{
	"cpu":          "share of the process's cores that are busy, 0 to 1",
	"memory":       "memory of the process, in MiB",
	"errors":       "share of answers that are 5xx and were not wished so by a switch, 0 to 1",
	"queue":        "changes that wait in the lanes high and normal",
	"latency.TIER": "mean time of a batch asked of a tier (redis, bolt, records), in ms",
	"upstream.X":   "share of an upstream's calls that fail, 0 to 1",
}

const (
	maxRules   = 100
	mostHold   = 16 // times Hold, for a switch that is thrown again and again
	maxRuleAge = 24 * time.Hour
)

// ParseRules parses rules from YAML, and fills in defaults. check returns nil if a switch takes a value, else ErrUnknown or ErrValue;
// Panel.Check is one. ParseRules fails with ErrValue, or with the error of check, and names the rule. After ErrUnknown, the
// caller may try again once the catalog has declared its switches.
func ParseRules(src []byte, check func(name, value string) error) (r Rules, err error) {
	if err := yaml.UnmarshalWithOptions(src, &r, yaml.Strict()); err != nil {
		return r, fmt.Errorf("%w: rules: %s", ErrValue, yaml.FormatError(err, false, true))
	}
	if len(r.Rules) > maxRules || r.Limit < 0 {
		return r, fmt.Errorf("%w: at most %d rules, and a limit that is not negative", ErrValue, maxRules)
	}
	r.Limit = cmp.Or(r.Limit, 2)
	seen := map[string]bool{}
	for i := range r.Rules {
		rule := &r.Rules[i]
		rule.For, rule.Hold, rule.Probe = cmp.Or(rule.For, 5*time.Second), cmp.Or(rule.Hold, 30*time.Second), cmp.Or(rule.Probe, 15*time.Second)
		rule.Switch, rule.Value, err = ParseValue(rule.Set)
		if err == nil {
			err = check(rule.Switch, rule.Value)
		}
		switch {
		case err != nil:
		case rule.Name == "" || seen[rule.Name]:
			err = fmt.Errorf("%w: a rule needs a name of its own", ErrValue)
		case !knownSignal(rule.Signal):
			err = fmt.Errorf("%w: there is no signal %.40q", ErrValue, rule.Signal)
		case min(rule.For, rule.Hold, rule.Probe) < 0 || max(rule.For, rule.Hold, rule.Probe) > maxRuleAge:
			err = fmt.Errorf("%w: for, hold and probe are up to 24h", ErrValue)
		}
		if err != nil {
			return r, fmt.Errorf("rule %d, %.40q: %w", i+1, rule.Name, err)
		}
		seen[rule.Name] = true
	}
	return r, nil
}

// knownSignal reports whether a rule may name the signal.
func knownSignal(name string) bool {
	if _, ok := Signals[name]; ok && name != "latency.TIER" && name != "upstream.X" {
		return true
	}
	for _, prefix := range []string{"latency.", "upstream."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return true
		}
	}
	return false
}

// Automaton decides by rules which switches to throw. It is a state machine without a clock or goroutines of its own, and not safe
// for concurrent use. Each rule has a state:
//
//	well ──above for For──▶ held ──Hold──▶ probing ──Probe──▶ well
//	                          ▲                │
//	                          └──above, twice──┘
//
// A thrown switch is set for a fixed time, and returns by itself, even if the automaton ends before.
type Automaton struct {
	rules  Rules
	states map[string]*ruleState
}

type ruleState struct {
	above   time.Time // since when the signal is above; zero if it is not
	until   time.Time // end of the hold; zero for a rule that is well
	probing time.Time // end of the probe
	times   int       // how often the switch was thrown again since the rule was well
}

// Throw says to set the switch of a rule to its value for a time.
type Throw struct {
	Rule   Rule
	For    time.Duration
	Reason string
}

// NewAutomaton makes an Automaton of rules that ParseRules returned.
func NewAutomaton(r Rules) *Automaton {
	return &Automaton{rules: r, states: map[string]*ruleState{}}
}

// Held returns the rules that hold their switch.
func (a *Automaton) Held(now time.Time) (rules []Rule) {
	for _, rule := range a.rules.Rules {
		if s := a.states[rule.Name]; s != nil && now.Before(s.until) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// Uses reports whether a rule depends on a signal.
func (a *Automaton) Uses(signal string) bool {
	return slices.ContainsFunc(a.rules.Rules, func(r Rule) bool { return r.Signal == signal })
}

// Idle reports whether there are no rules.
func (a *Automaton) Idle() bool { return len(a.rules.Rules) == 0 }

// Release makes every rule well: what they held was taken back.
func (a *Automaton) Release() { clear(a.states) }

// Step evaluates the rules, and returns what is to be thrown now. signal returns the value of a signal, and whether it is known; a rule
// whose signal is not known stays in its state. free reports whether rules may set a switch, because nobody has set it in
// this process.
func (a *Automaton) Step(now time.Time, signal func(name string) (float64, bool), free func(name string) bool) (throws []Throw) {
	held := len(a.Held(now))
	for _, rule := range a.rules.Rules {
		s := a.states[rule.Name]
		if s == nil {
			s = &ruleState{}
			a.states[rule.Name] = s
		}
		value, known := signal(rule.Signal)
		if !known || now.Before(s.until) {
			continue
		}
		if value <= rule.Above {
			s.above = time.Time{}
			if !s.until.IsZero() && now.After(s.probing) {
				*s = ruleState{}
			}
			continue
		}
		if s.above.IsZero() {
			s.above = now
		}
		again := !s.until.IsZero() && now.Before(s.probing)
		if !again && now.Sub(s.above) < rule.For || held >= a.rules.Limit || !free(rule.Switch) {
			continue
		}
		hold := rule.Hold
		if again {
			s.times++
			hold *= time.Duration(min(1<<min(s.times, 10), mostHold))
		} else {
			s.times = 0
		}
		held++
		s.until, s.above = now.Add(hold), time.Time{}
		s.probing = s.until.Add(rule.Probe)
		throws = append(throws, Throw{rule, hold, fmt.Sprintf("%s: %s is %.4g, above %.4g", rule.Name, rule.Signal, value, rule.Above)})
	}
	return throws
}

// Names returns the names of the rules, sorted.
func (r Rules) Names() (names []string) {
	for _, rule := range r.Rules {
		names = append(names, rule.Name)
	}
	slices.Sort(names)
	return names
}
