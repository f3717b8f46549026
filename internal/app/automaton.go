package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
	"vitrine/switches"
)

const (
	rulesKey   = "rules" // in the bucket of switches
	rulesFile  = "rules.yaml"
	rulesBeat  = time.Second
	pushWithin = time.Second
)

// automaton is the agent that throws this process's switches by rules.
type automaton struct {
	node *node

	mu    sync.Mutex // guards rules, which a push replaces
	rules []byte
	moved bool

	run     *switches.Automaton
	signals signals
	thrown  *prometheus.CounterVec // rule
}

func newAutomaton(n *node) *automaton {
	a := &automaton{node: n, run: switches.NewAutomaton(switches.Rules{}), signals: signals{node: n, calls: map[string]*callCount{}}}
	a.thrown = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_automaton_throws_total", Help: "Switches thrown by rules."}, []string{"rule"})
	n.metrics.MustRegister(a.thrown)
	if kept, err := os.ReadFile(filepath.Join(n.dir, rulesFile)); err == nil {
		a.push(kept)
	}
	return a
}

// push takes rules as they were pushed, and keeps them for a start while NATS is away.
func (a *automaton) push(src []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules, a.moved = src, true
}

func (a *automaton) keep(src []byte) {
	a.push(src)
	if err := durable.WriteFile(filepath.Join(a.node.dir, rulesFile), src); err != nil {
		a.node.log.Warn("the rules can't be kept on disk", "error", err)
	}
}

// Run looks once a second, until ctx ends.
func (a *automaton) Run(ctx context.Context) error {
	tick := time.NewTicker(rulesBeat)
	defer tick.Stop()
	on := a.node.switches.Switch(switches.Automata)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a.take()
		if !on.On() { // also what rules before these have thrown is taken back
			a.node.switches.Release()
			a.run.Release()
			continue
		}
		if a.run.Idle() {
			continue
		}
		a.signals.look(a.run.Uses("queue"))
		for _, throw := range a.run.Step(time.Now(), a.signals.get, a.node.switches.Free) {
			a.throw(throw)
		}
	}
}

// take puts pushed rules in force. What the rules before them hold comes back by itself.
func (a *automaton) take() {
	a.mu.Lock()
	src, moved := a.rules, a.moved
	a.moved = false
	a.mu.Unlock()
	if !moved {
		return
	}
	rules, err := switches.ParseRules(src, a.node.switches.Check)
	if errors.Is(err, switches.ErrUnknown) && a.node.catalog.Catalog() == nil {
		a.mu.Lock()
		a.moved = true // the catalog may declare it
		a.mu.Unlock()
		return
	}
	if err != nil {
		a.node.log.Error("pushed rules not taken; the ones before stay", "error", err)
		return
	}
	a.run = switches.NewAutomaton(rules)
	a.node.log.Info("rules in force", "rules", strings.Join(rules.Names(), " "), "limit", rules.Limit)
}

// throw moves a switch of this process, for a time. It needs nobody: rules work where NATS is away, and where this process
// may not push. Everybody sees it in what the process reports.
func (a *automaton) throw(t switches.Throw) {
	a.thrown.WithLabelValues(t.Rule.Name).Inc()
	a.node.log.Warn("a rule throws a switch", "rule", t.Rule.Name, "switch", t.Rule.Switch, "value", t.Rule.Value, "for", t.For.String(), "reason", t.Reason)
	a.node.switches.Throw(t.Rule.Switch, t.Rule.Value, t.Reason, t.For)
}

// signals are what rules go by, as they were over the last second.
type signals struct {
	node   *node
	last   time.Time
	cpu    time.Duration
	values map[string]float64
	before map[string]float64 // counters

	mu    sync.Mutex // guards calls
	calls map[string]*callCount
}

type callCount struct{ all, failed float64 }

// observe counts a call of an upstream.
func (s *signals) observe(c upstream.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.calls[c.Upstream]
	if count == nil {
		count = &callCount{}
		s.calls[c.Upstream] = count
	}
	if count.all++; c.Status == 0 || c.Status >= 500 {
		count.failed++
	}
}

func (s *signals) get(name string) (float64, bool) {
	v, ok := s.values[name]
	return v, ok
}

// look reads the process's own metrics, and makes rates of its counters.
func (s *signals) look(queue bool) {
	now, cpu := time.Now(), cpuTime()
	values, counters := map[string]float64{}, map[string]float64{}
	if passed := now.Sub(s.last); !s.last.IsZero() && passed > 0 {
		values["cpu"] = (cpu - s.cpu).Seconds() / passed.Seconds() / float64(runtime.GOMAXPROCS(0))
	}
	s.last, s.cpu = now, cpu
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	values["memory"] = float64(memory.Sys-memory.HeapReleased) / (1 << 20)
	s.gather(counters)
	since := func(name string) float64 { return counters[name] - s.before[name] }
	if answers := since("answers"); answers > 0 {
		values["errors"] = max(0, since("errors")) / answers // the two counters are not read at one moment
	} else {
		values["errors"] = 0
	}
	for name := range counters {
		if tier, ok := strings.CutPrefix(name, "batches."); ok && since(name) > 0 {
			values["latency."+tier] = 1000 * since("seconds."+tier) / since(name)
		}
		if up, ok := strings.CutPrefix(name, "calls."); ok && since(name) > 0 {
			values["upstream."+up] = since("failed."+up) / since(name)
		}
	}
	if queue {
		s.queue(values)
	}
	s.before, s.values = counters, values
}

// gather sums up the counters that signals are made of.
func (s *signals) gather(counters map[string]float64) {
	families, err := s.node.metrics.Gather()
	if err != nil {
		return
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			label := map[string]string{}
			for _, l := range m.GetLabel() {
				label[l.GetName()] = l.GetValue()
			}
			switch f.GetName() {
			case "vitrine_detail_requests_total":
				counters["answers"] += m.GetCounter().GetValue()
				if strings.HasPrefix(label["code"], "5") {
					counters["errors"] += m.GetCounter().GetValue()
				}
			case "vitrine_detail_shed_total": // as somebody, or a rule, has wished; else a rule that sheds would keep itself thrown
				counters["errors"] -= m.GetCounter().GetValue()
			case "vitrine_detail_tier_seconds":
				counters["batches."+label["tier"]] += float64(m.GetHistogram().GetSampleCount())
				counters["seconds."+label["tier"]] += m.GetHistogram().GetSampleSum()
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.calls {
		counters["calls."+name], counters["failed."+name] = c.all, c.failed
	}
}

// queue asks NATS how much waits. It is not known while NATS is away.
func (s *signals) queue(values map[string]float64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.node.env.ctx), pushWithin)
	defer cancel()
	pending, _, err := s.node.bus.Pending(ctx)
	if err != nil {
		return
	}
	values["queue"] = float64(pending[bus.Changes][item.High].Waiting + pending[bus.Changes][item.Normal].Waiting)
}

type switchRulesCommand struct {
	Check rulesCheckCommand `cmd:"" help:"Check a file of rules."`
	Push  rulesPushCommand  `cmd:"" help:"Put a file of rules in force, everywhere."`
	Show  rulesShowCommand  `cmd:"" help:"Show the rules in force."`
}

func (switchRulesCommand) Help() string {
	var b strings.Builder
	b.WriteString("Rules throw switches by themselves. Each process goes by its own signals, and moves its own switches:\n")
	for _, name := range []string{"cpu", "memory", "errors", "queue", "latency.TIER", "upstream.X"} {
		fmt.Fprintf(&b, "  %-13s %s\n", name, switches.Signals[name])
	}
	b.WriteString("\nExample: docs/examples/rules.yaml. To stop all of it: vitrine switch set automaton off")
	return b.String()
}

type rulesCheckCommand struct {
	File string `arg:"" type:"existingfile" help:"YAML."`
	natsFlags
}

// Run is vitrine switch rules check.
func (c *rulesCheckCommand) Run(e *env) error {
	_, err := c.read(e, "switch rules check", c.File)
	if err == nil {
		fmt.Fprintln(e.stdout, "good")
	}
	return err
}

// read checks a file against the switches that there are, those of the catalog in force included.
func (f natsFlags) read(e *env, command, path string) (src []byte, err error) {
	return src, f.withPanel(e, command, func(_ *bus.Conn, p *switches.Panel) error {
		if src, err = os.ReadFile(path); err != nil {
			return err
		}
		if _, err := switches.ParseRules(src, p.Check); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

type rulesPushCommand struct {
	File string `arg:"" type:"existingfile" help:"YAML."`
	natsFlags
}

// Run is vitrine switch rules push.
func (c *rulesPushCommand) Run(e *env) error {
	src, err := c.read(e, "switch rules push", c.File)
	if err != nil {
		return err
	}
	return c.withPanel(e, "switch rules push", func(conn *bus.Conn, _ *switches.Panel) error {
		revision, err := conn.Bucket(switchBucket).Put(e.ctx, rulesKey, src)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "rules in force, revision %d\n", revision)
		return err
	})
}

type rulesShowCommand struct{ natsFlags }

// Run is vitrine switch rules show.
func (c *rulesShowCommand) Run(e *env) error {
	return c.withPanel(e, "switch rules show", func(conn *bus.Conn, p *switches.Panel) error {
		entry, err := conn.Bucket(switchBucket).Get(e.ctx, rulesKey)
		if errors.Is(err, bus.ErrNoEntry) {
			return errors.New("there are no rules; vitrine switch rules push FILE puts some in force")
		}
		if err != nil {
			return err
		}
		if !c.JSON {
			_, err = e.stdout.Write(entry.Value)
			return err
		}
		rules, err := switches.ParseRules(entry.Value, func(string, string) error { return nil })
		if err != nil {
			return err
		}
		return json.NewEncoder(e.stdout).Encode(rules)
	})
}
