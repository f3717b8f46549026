package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/switches"
)

type switchCommand struct {
	List     switchListCommand     `cmd:"" help:"List all switches, what they do, and what is in force."`
	Get      switchGetCommand      `cmd:"" help:"Show one switch."`
	Set      switchSetCommand      `cmd:"" help:"Set a switch, and wait until every process has applied it."`
	Unset    switchUnsetCommand    `cmd:"" help:"Withdraw a scope's setting."`
	Define   switchDefineCommand   `cmd:"" help:"Name a set of switches."`
	Apply    switchApplyCommand    `cmd:"" help:"Set all switches of a set."`
	Watch    switchWatchCommand    `cmd:"" help:"Watch what is set."`
	History  switchHistoryCommand  `cmd:"" help:"Show who set a switch to what, when and why."`
	Rollback switchRollbackCommand `cmd:"" help:"Set a switch to its previous value."`
	Rehearse switchRehearseCommand `cmd:"" help:"Show what pages would be with other values, before anything is set."`
	Rules    switchRulesCommand    `cmd:"" help:"Rules that throw switches by themselves."`
	Agent    switchAgentCommand    `cmd:"" help:"Have an nginx follow the switches."`
	Nodes    switchNodesCommand    `cmd:"" help:"List the expected processes, and the revision of the switches that each has applied."`
	Forget   switchForgetCommand   `cmd:"" help:"Stop expecting a process that will not come back."`
}

// withPanel calls do with a connection and a panel of what is in force, and closes both.
func (f natsFlags) withPanel(e *env, command string, do func(*bus.Conn, *switches.Panel) error) error {
	conn, err := f.dial(e, command)
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := control.RemotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
	return do(conn, p)
}

// pushing is what a command sets switches with.
type pushing struct {
	conn  *bus.Conn
	panel *switches.Panel
	rooms *control.Rooms
}

// withRooms calls do with what a command sets switches with, in the rooms that the flags name, and closes it.
func (f natsFlags) withRooms(e *env, command string, scope scopeFlags, do func(pushing) error) error {
	return f.withPanel(e, command, func(conn *bus.Conn, p *switches.Panel) error {
		named := scope.roomsFlag
		if scope.DryRun {
			named = roomsFlag{}
		}
		rooms, err := named.openRooms(e, conn)
		if err != nil {
			return err
		}
		defer rooms.Close()
		return do(pushing{conn, p, rooms})
	})
}

// scopeFlags are the scope, reason and author of a setting.
type scopeFlags struct {
	Scope  string        `help:"all, room:R, role:R or node:N." default:"all"`
	Reason string        `help:"Reason, for the history." placeholder:"TEXT"`
	Author string        `help:"Author, for the history; defaults to the user's name." placeholder:"NAME"`
	DryRun bool          `help:"Print what would be set, and where; do nothing."`
	Wait   time.Duration `help:"How long to wait for acknowledgements. Defaults to 2s, and to 8s where an nginx is reloaded (switch agent)."`
	roomsFlag
}

type switchSetCommand struct {
	Name  string        `arg:"" help:"The switch."`
	Value string        `arg:"" help:"on, off, a percentage, a duration or a word, depending on the switch."`
	For   time.Duration `help:"Return to the previous value after this time; each process does so by itself." placeholder:"30m"`
	scopeFlags
	natsFlags
}

// Help is more of vitrine switch set --help.
func (switchSetCommand) Help() string {
	return `Examples:
  vitrine switch set upstream.prices off --reason "time-outs since 20:00"
  vitrine switch set read.redis off --for 30m
  vitrine switch set ttl.factor 300 --scope role:detail --dry-run

on is normal service, off is shed. Exit code 0: the value is in force on every expected process. Exit code 1: on some it is not;
they are named with the reason: a narrower scope says otherwise, or the process is cut off, hangs, or could not apply it.`
}

// Run is vitrine switch set.
func (c *switchSetCommand) Run(e *env) error {
	return c.withRooms(e, "switch set", c.scopeFlags, func(to pushing) error {
		return c.set(e, to, switches.Setting{Name: c.Name, Value: c.Value}, c.For, c.JSON)
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
	return conn.Bucket(control.SwitchBucket).Watch(e.ctx, func(entry bus.Entry) error {
		s, ok := control.SettingOf(entry)
		if !ok {
			return nil
		}
		return printSetting(e, s, c.JSON)
	})
}

func printSetting(e *env, s switches.Setting, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(s)
	}
	until := ""
	if s.Until != nil {
		until = " until " + s.Until.Format(time.DateTime)
	}
	_, err := fmt.Fprintf(e.stdout, "%d  %s  %s = %s%s  (%s)  %s  %s\n", s.Revision, s.At.Format(time.DateTime), s.Name, cmp.Or(s.Value, "withdrawn"), until, s.Scope, s.Author, s.Reason)
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
	past, err := control.SwitchHistory(e.ctx, conn, c.Name, c.Scope)
	for _, s := range past {
		if err := printSetting(e, s, c.JSON); err != nil {
			return err
		}
	}
	return err
}
