package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/switches"
)

type switchCommand struct {
	List     switchListCommand     `cmd:"" help:"List all switches, what they do, and what is in force."`
	Get      switchGetCommand      `cmd:"" help:"Tell one switch."`
	Set      switchSetCommand      `cmd:"" help:"Set a switch, and wait until every process has it."`
	Define   switchDefineCommand   `cmd:"" help:"Name a set of switches."`
	Apply    switchApplyCommand    `cmd:"" help:"Set all switches of a set."`
	Watch    switchWatchCommand    `cmd:"" help:"Follow what is set."`
	History  switchHistoryCommand  `cmd:"" help:"Tell who set a switch to what, when and why."`
	Rollback switchRollbackCommand `cmd:"" help:"Set a switch to what it was before."`
	Rehearse switchRehearseCommand `cmd:"" help:"Tell what pages would be with other values, before anything is set."`
	Rules    switchRulesCommand    `cmd:"" help:"Rules that throw switches by themselves."`
	Agent    switchAgentCommand    `cmd:"" help:"Have an nginx obey the switches."`
	Nodes    switchNodesCommand    `cmd:"" help:"List the processes, and up to which revision each has applied the switches."`
}

// remotePanel is what is in force for a process without a name: the settings of the scope all.
func remotePanel(ctx context.Context, conn *bus.Conn) (*switches.Panel, error) {
	p := switches.NewPanel(switches.Identity{})
	if cat, err := loadCatalog(ctx, conn); err == nil {
		declareSwitches(p, cat)
	}
	bucket := conn.Bucket(switchBucket)
	keys, err := bucket.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		name, scope, ok := readSwitchKey(key)
		e, err := bucket.Get(ctx, key)
		var s switches.Setting
		if !ok || err != nil || json.Unmarshal(e.Value, &s) != nil {
			continue
		}
		s.Name, s.Scope, s.Revision = name, scope, e.Revision
		p.Apply(s)
	}
	return p, nil
}

// withPanel calls do with a connection and what is in force there, and closes both.
func (f natsFlags) withPanel(e *env, command string, do func(*bus.Conn, *switches.Panel) error) error {
	conn, err := f.dial(e, command)
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := remotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
	return do(conn, p)
}

// switchLine is what switch list and switch get print with --json.
type switchLine struct {
	switches.Value
	Settings []switches.Setting `json:"settings,omitempty"` // of all scopes
}

func switchLines(p *switches.Panel) (lines []switchLine) {
	all := p.Settings()
	for _, v := range p.Values() {
		line := switchLine{Value: v}
		for _, s := range all {
			if s.Name == v.Name {
				line.Settings = append(line.Settings, s)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

type switchListCommand struct{ natsFlags }

// Run is vitrine switch list.
func (c *switchListCommand) Run(e *env) error {
	return c.withPanel(e, "switch list", func(_ *bus.Conn, p *switches.Panel) error {
		lines := switchLines(p)
		if c.JSON {
			return json.NewEncoder(e.stdout).Encode(lines)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SWITCH\tVALUE\tDEFAULT\tTYPE\tWHAT IT DOES\tWHAT THE CUSTOMER SEES")
		for _, l := range lines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Value.Value, l.Default, l.Type, l.Does, l.Shows)
			for _, s := range l.Settings {
				if s.Scope != switches.All {
					fmt.Fprintf(w, "  %s\t%s\t\t\t%s\t\n", s.Scope, s.Value, s.Reason)
				}
			}
		}
		return w.Flush()
	})
}

type switchGetCommand struct {
	Name string `arg:"" help:"The switch."`
	natsFlags
}

// Run is vitrine switch get.
func (c *switchGetCommand) Run(e *env) error {
	return c.withPanel(e, "switch get", func(_ *bus.Conn, p *switches.Panel) error {
		lines := switchLines(p)
		i := slices.IndexFunc(lines, func(l switchLine) bool { return l.Name == c.Name })
		if i < 0 {
			return fmt.Errorf("%w: %.80q (vitrine switch list has all)", switches.ErrUnknown, c.Name)
		}
		if c.JSON {
			return json.NewEncoder(e.stdout).Encode(lines[i])
		}
		_, err := fmt.Fprintln(e.stdout, lines[i].Value.Value)
		return err
	})
}

// scopeFlags say what is set, where, and by whom.
type scopeFlags struct {
	Scope  string        `help:"all, room:R, role:R or node:N." default:"all"`
	Reason string        `help:"Why; kept in the history." placeholder:"TEXT"`
	Author string        `help:"Who; the name of the user by default." placeholder:"NAME"`
	DryRun bool          `help:"Say what would be set, and where, and do nothing."`
	Wait   time.Duration `help:"For acknowledgements." default:"2s"`
}

type switchSetCommand struct {
	Name  string        `arg:"" help:"The switch."`
	Value string        `arg:"" help:"on, off, a percentage, a duration or a word, as the switch takes it."`
	For   time.Duration `help:"Return to the value before after this time; each process does so by itself." placeholder:"30m"`
	scopeFlags
	natsFlags
}

// Help is more of vitrine switch set --help.
func (switchSetCommand) Help() string {
	return `Examples:
  vitrine switch set upstream.prices off --reason "time-outs since 20:00"
  vitrine switch set read.redis off --for 30m
  vitrine switch set ttl.factor 300 --scope role:detail --dry-run

on is normal service, off is shed. Exit code 1: not every process has acknowledged.`
}

// ack is a process that has applied a setting, and after how many milliseconds that was known here.
type ack struct {
	Node string  `json:"node"`
	MS   float64 `json:"ms"`
}

// switchSet is what switch set --json prints.
type switchSet struct {
	Name     string   `json:"name"`
	Value    string   `json:"value"`
	Revision uint64   `json:"revision"`
	Acked    []ack    `json:"acked"`
	Missing  []string `json:"missing"`
	DryRun   bool     `json:"dry_run,omitempty"`
}

// Run is vitrine switch set.
func (c *switchSetCommand) Run(e *env) error {
	return c.withPanel(e, "switch set", func(conn *bus.Conn, p *switches.Panel) error {
		return c.set(e, conn, p, switches.Setting{Name: c.Name, Value: c.Value}, c.For, c.JSON)
	})
}

type switchWatchCommand struct{ natsFlags }

// Run is vitrine switch watch.
func (c *switchWatchCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch watch")
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Bucket(switchBucket).Watch(e.ctx, func(entry bus.Entry) error {
		s, ok := settingOf(entry)
		if !ok {
			return nil
		}
		return printSetting(e, s, c.JSON)
	})
}

func settingOf(entry bus.Entry) (s switches.Setting, ok bool) {
	name, scope, ok := readSwitchKey(entry.Key)
	if !ok || entry.Deleted || json.Unmarshal(entry.Value, &s) != nil {
		return s, false
	}
	s.Name, s.Scope, s.Revision = name, scope, entry.Revision
	return s, true
}

func printSetting(e *env, s switches.Setting, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(s)
	}
	until := ""
	if s.Until != nil {
		until = " until " + s.Until.Format(time.DateTime)
	}
	_, err := fmt.Fprintf(e.stdout, "%d  %s  %s = %s%s  (%s)  %s  %s\n", s.Revision, s.At.Format(time.DateTime), s.Name, s.Value, until, s.Scope, s.Author, s.Reason)
	return err
}

type switchHistoryCommand struct {
	Name  string `arg:"" optional:"" help:"The switch; all by default."`
	Scope string `help:"Only this scope." placeholder:"SCOPE"`
	natsFlags
}

// Run is vitrine switch history.
func (c *switchHistoryCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch history")
	if err != nil {
		return err
	}
	defer conn.Close()
	past, err := switchHistory(e.ctx, conn, c.Name, c.Scope)
	for _, s := range past {
		if err := printSetting(e, s, c.JSON); err != nil {
			return err
		}
	}
	return err
}

// switchHistory lists settings, oldest first; "" is any.
func switchHistory(ctx context.Context, conn *bus.Conn, wantName, wantScope string) (past []switches.Setting, err error) {
	bucket := conn.Bucket(switchBucket)
	keys, err := bucket.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		name, scope, ok := readSwitchKey(key)
		if !ok || wantName != "" && name != wantName || wantScope != "" && scope != wantScope {
			continue
		}
		entries, err := bucket.History(ctx, key)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if s, ok := settingOf(entry); ok {
				past = append(past, s)
			}
		}
	}
	slices.SortFunc(past, func(a, b switches.Setting) int { return cmp.Compare(a.Revision, b.Revision) })
	return past, nil
}

type switchRollbackCommand struct {
	Name string `arg:"" help:"The switch."`
	scopeFlags
	natsFlags
}

// Run is vitrine switch rollback.
func (c *switchRollbackCommand) Run(e *env) error {
	return c.withPanel(e, "switch rollback", func(conn *bus.Conn, p *switches.Panel) error {
		past, err := switchHistory(e.ctx, conn, c.Name, c.Scope)
		if err != nil {
			return err
		}
		before := ""
		switch d := p.Switch(c.Name); {
		case len(past) > 1:
			before = past[len(past)-2].Value
		case len(past) == 1 && d != nil:
			before = d.Default
		default:
			return fmt.Errorf("%s was never set in the scope %s", c.Name, c.Scope)
		}
		if c.Reason == "" {
			c.Reason = "rollback"
		}
		return c.set(e, conn, p, switches.Setting{Name: c.Name, Value: before}, 0, c.JSON)
	})
}

type switchNodesCommand struct{ natsFlags }

// Run is vitrine switch nodes.
func (c *switchNodesCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch nodes")
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := present(e.ctx, conn)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(append([]presence{}, all...))
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tROLE\tROOM\tPID\tSINCE\tREVISION")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\n", p.Node, p.Role, p.Room, p.PID, p.Started.Format(time.DateTime), p.Revision)
	}
	return w.Flush()
}
