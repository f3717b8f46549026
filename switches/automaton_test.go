package switches_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vitrine/switches"
)

const someRules = `
limit: 1
rules:
  - { name: busy, signal: cpu, above: 0.9, for: 5s, set: crawler.budget=0, hold: 30s, probe: 10s }
  - { name: slow, signal: latency.redis, above: 50, for: 2s, set: read.redis=off, hold: 20s, probe: 10s }
`

func rules(t *testing.T, text string) switches.Rules {
	t.Helper()
	p := switches.NewPanel(node)
	defer p.Close()
	r, err := switches.ParseRules([]byte(text), p.Check)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clockwork steps an automaton once a second.
type clockwork struct {
	*switches.Automaton
	now     time.Time
	signals map[string]float64
	taken   map[string]bool // switches that somebody else holds
}

func newClockwork(r switches.Rules) *clockwork {
	return &clockwork{switches.NewAutomaton(r), time.Unix(1_700_000_000, 0), map[string]float64{}, map[string]bool{}}
}

func (c *clockwork) seconds(n int) (throws []switches.Throw) {
	for range n {
		c.now = c.now.Add(time.Second)
		throws = append(throws, c.Step(c.now, func(name string) (float64, bool) { v, ok := c.signals[name]; return v, ok },
			func(name string) bool { return !c.taken[name] })...)
	}
	return throws
}

func TestAutomaton(t *testing.T) {
	t.Run("throws after the time, holds, probes, gives back", func(t *testing.T) {
		c := newClockwork(rules(t, someRules))
		c.signals["cpu"] = 0.95
		if got := c.seconds(5); len(got) != 0 {
			t.Fatal("too early", got)
		}
		got := c.seconds(1)
		if len(got) != 1 || got[0].Rule.Switch != "crawler.budget" || got[0].Rule.Value != "0" || got[0].For != 30*time.Second || !strings.Contains(got[0].Reason, "0.95") {
			t.Fatalf("the rule throws %+v, want crawler.budget to 0 for 30 s, since cpu is 0.95", got)
		}
		if got := c.seconds(29); len(got) != 0 || len(c.Held(c.now)) != 1 {
			t.Fatal("it is held", got)
		}
		got = c.seconds(1) // given back, while the signal is above its threshold
		if len(got) != 1 || got[0].For != time.Minute {
			t.Fatalf("it must be thrown for twice as long: %+v", got)
		}
		c.signals["cpu"] = 0.1
		if got := c.seconds(80); len(got) != 0 || len(c.Held(c.now)) != 0 {
			t.Fatalf("a signal that is not high throws %v", got)
		}
		c.signals["cpu"] = 0.95
		if got := c.seconds(6); len(got) != 1 || got[0].For != 30*time.Second {
			t.Fatalf("after it was well it begins anew: %+v", got)
		}
	})
	t.Run("a moment above is nothing", func(t *testing.T) {
		c := newClockwork(rules(t, someRules))
		for range 20 {
			c.signals["cpu"] = 0.95
			got := c.seconds(4)
			c.signals["cpu"] = 0.5
			if got = append(got, c.seconds(1)...); len(got) != 0 {
				t.Fatalf("the rule throws %v too early", got)
			}
		}
	})
	t.Run("no more than the limit at once", func(t *testing.T) {
		c := newClockwork(rules(t, someRules))
		c.signals["cpu"], c.signals["latency.redis"] = 1, 100
		if got := c.seconds(20); len(got) != 1 || got[0].Rule.Name != "slow" {
			t.Fatalf("thrown is %+v, want the rule slow alone", got)
		}
	})
	t.Run("what somebody has set is left alone", func(t *testing.T) {
		c := newClockwork(rules(t, someRules))
		c.signals["cpu"], c.taken["crawler.budget"] = 1, true
		if got := c.seconds(60); len(got) != 0 {
			t.Fatalf("%+v; want 0 of them", got)
		}
	})
	t.Run("a signal that is not known moves nothing", func(t *testing.T) {
		if got := newClockwork(rules(t, someRules)).seconds(60); len(got) != 0 {
			t.Fatalf("%+v; want 0 of them", got)
		}
	})
}

func TestParseRules(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	for text, want := range map[string]string{
		"rules: [{name: a, signal: cpu, above: 1, set: nothing=off}]":                                                          "no such switch",
		"rules: [{name: a, signal: cpu, above: 1, set: read.redis=perhaps}]":                                                   "on or off",
		"rules: [{name: a, signal: cpu, above: 1, set: read.redis}]":                                                           "NAME=VALUE",
		"rules: [{name: a, signal: mood, above: 1, set: read.redis=off}]":                                                      "mood",
		"rules: [{signal: cpu, above: 1, set: read.redis=off}]":                                                                "name of its own",
		"rules: [{name: a, signal: cpu, above: 1, set: read.redis=off}, {name: a, signal: cpu, above: 1, set: read.bolt=off}]": "name of its own",
		"rules: [{name: a, signal: cpu, above: 1, set: read.redis=off, hold: 48h}]":                                            "24h",
		"rules: [{name: a, signal: cpu, above: 1, set: read.redis=off, hold: -1s}]":                                            "24h",
		"rule: []":   "rule",
		"limit: -1":  "limit",
		"rules: [[]": "rules",
	} {
		_, err := switches.ParseRules([]byte(text), p.Check)
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, switches.ErrValue) && !errors.Is(err, switches.ErrUnknown) {
			t.Errorf("the rules %s: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(someRules)
	p := switches.NewPanel(node)
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := switches.ParseRules([]byte(text), p.Check); err == nil {
			newClockwork(r).seconds(3)
		}
	})
}

func TestWith(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	p.Apply(switches.Setting{Name: "read.bolt", Scope: switches.All, Value: "off", Revision: 3})
	then, err := p.With(map[string]string{"read.redis": "off"})
	if err != nil {
		t.Fatal(err)
	}
	defer then.Close()
	if then.On("read.redis") || then.On("read.bolt") || !then.On("read.local") || !p.On("read.redis") {
		t.Error("the other panel has the values before and the new one, this one has not")
	}
	if _, err := p.With(map[string]string{"read.redis": "perhaps"}); !errors.Is(err, switches.ErrValue) {
		t.Error(err)
	}
}
