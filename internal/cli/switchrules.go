package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/switches"
)

type switchRulesCommand struct {
	Check rulesCheckCommand `cmd:"" help:"Check a file of rules."`
	Push  rulesPushCommand  `cmd:"" help:"Put a file of rules in force, everywhere."`
	Show  rulesShowCommand  `cmd:"" help:"Show the rules in force."`
}

func (switchRulesCommand) Help() string {
	var b strings.Builder
	b.WriteString("Rules throw switches automatically. Each process uses its own signals and moves its own switches only:\n")
	for _, name := range []string{"cpu", "memory", "errors", "queue", "latency.TIER", "upstream.X"} {
		fmt.Fprintf(&b, "  %-13s %s\n", name, switches.Signals[name])
	}
	b.WriteString("\nExample: docs/examples/rules.yaml. To stop all rules: vitrine switch set automaton off")
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
		src, err = os.ReadFile(path)
		if err != nil {
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
		revision, err := conn.Bucket(control.SwitchBucket).Push(e.ctx, control.RulesKey, src)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "rules are pushed, revision %d: each process has them in force within seconds, which its log says\n", revision)
		return err
	})
}

type rulesShowCommand struct{ natsFlags }

// Run is vitrine switch rules show.
func (c *rulesShowCommand) Run(e *env) error {
	return c.withPanel(e, "switch rules show", func(conn *bus.Conn, p *switches.Panel) error {
		entry, err := conn.Bucket(control.SwitchBucket).Get(e.ctx, control.RulesKey)
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
