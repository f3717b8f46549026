package control

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/label"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

const (
	rulesFile  = "rules.yaml"
	rulesBeat  = time.Second
	pushWithin = time.Second
)

// AutomatonConfig configures an Automaton. Every field is required.
type AutomatonConfig struct {
	Dir     string // state folder, where the rules are stored
	Panel   *switches.Panel
	Metrics *prometheus.Registry // the process's own, from which most signals are read
	Log     *slog.Logger
}

// Automaton is the agent that throws this process's switches by rules.
type Automaton struct {
	cfg     AutomatonConfig
	run     *switches.Automaton
	signals signals
	thrown  *prometheus.CounterVec // rule
	names   *label.Bound           // of rules

	mu    sync.Mutex // guards the pushed rules
	rules []byte
	moved bool
}

// mostRules is how many rules have labels of their own in metrics.
const mostRules = 100

// NewAutomaton makes an automaton with the rules that were in force when the process last ended; Run drives it.
func NewAutomaton(c AutomatonConfig) *Automaton {
	a := &Automaton{cfg: c, run: switches.NewAutomaton(switches.Rules{}), names: label.NewBound(mostRules), signals: signals{metrics: c.Metrics, calls: map[string]*callCount{}}}
	a.thrown = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_automaton_throws_total", Help: "Switches thrown by rules."}, []string{"rule"})
	c.Metrics.MustRegister(a.thrown)
	if kept, err := os.ReadFile(filepath.Join(c.Dir, rulesFile)); err == nil {
		a.push(kept)
	}
	return a
}

// Observe counts a call of an upstream.
func (a *Automaton) Observe(c upstream.Call) { a.signals.observe(c) }

// push hands over rules, which Run puts in force.
func (a *Automaton) push(src []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = src
	a.moved = true
}

// Keep accepts pushed rules, and stores them for a start while NATS is away.
func (a *Automaton) Keep(src []byte) {
	a.push(src)
	if err := durable.WriteFile(filepath.Join(a.cfg.Dir, rulesFile), src); err != nil {
		a.cfg.Log.Warn("the rules can't be kept on disk", "error", err)
	}
}

// Run checks the rules once a second, until ctx ends. conn gives the length of the queues, and follower the switches
// that the catalog declares.
func (a *Automaton) Run(ctx context.Context, conn *bus.Conn, follower *Follower) error {
	tick := time.NewTicker(rulesBeat)
	defer tick.Stop()
	on := a.cfg.Panel.Must(switches.Automata)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a.apply(follower)
		if !on.On() { // what earlier rules have thrown is withdrawn, too
			a.cfg.Panel.Release()
			a.run.Release()
			continue
		}
		if a.run.Idle() {
			continue
		}
		a.signals.measure()
		if a.run.Uses("queue") {
			a.signals.queue(ctx, conn)
		}
		for _, throw := range a.run.Step(time.Now(), a.signals.get, a.cfg.Panel.Free) {
			a.throw(throw)
		}
	}
}

// apply puts pushed rules in force. What earlier rules have thrown ends by itself.
func (a *Automaton) apply(follower *Follower) {
	a.mu.Lock()
	src, moved := a.rules, a.moved
	a.moved = false
	a.mu.Unlock()
	if !moved {
		return
	}
	rules, err := switches.ParseRules(src, a.cfg.Panel.Check)
	if errors.Is(err, switches.ErrUnknown) && follower.Catalog() == nil {
		a.mu.Lock()
		a.moved = true // the catalog may declare it now
		a.mu.Unlock()
		return
	}
	if err != nil {
		a.cfg.Log.Error("pushed rules not taken; the ones before stay", "error", err)
		return
	}
	a.run = switches.NewAutomaton(rules)
	a.cfg.Log.Info("rules in force", "rules", strings.Join(rules.Names(), " "), "limit", rules.Limit)
}

// throw sets a switch of this process for a time. It needs neither NATS nor the right to push. The process's reports
// show it.
func (a *Automaton) throw(t switches.Throw) {
	a.thrown.WithLabelValues(a.names.Of(t.Rule.Name)).Inc()
	a.cfg.Log.Warn("a rule throws a switch", "rule", t.Rule.Name, "switch", t.Rule.Switch, "value", t.Rule.Value, "for", t.For.String(), "reason", t.Reason)
	a.cfg.Panel.Throw(t.Rule.Switch, t.Rule.Value, t.Reason, t.For)
}
