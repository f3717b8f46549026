package cli

import (
	"log/slog"

	"github.com/alecthomas/kong"
)

// commands is the command line: the flags of all commands, and commands.
type commands struct {
	LogLevel  slog.Level `help:"Lowest level that is logged: debug, info, warn or error." default:"info" placeholder:"LEVEL"`
	LogFormat string     `help:"Format of log lines: ${enum}." enum:"text,json" default:"text"`

	kong.Plugins
}

// command is a command by its name. The fields of kong are those of a pointer to a struct with one field.
type command struct {
	name   string
	fields any
}

// allCommands gives every command, in the order of the help.
func allCommands() []command {
	return []command{
		{"up", &struct {
			Up upCommand `cmd:"" help:"Run everything in one process: NATS, store, workers, pages."`
		}{}},
		{"heterog", &struct {
			Heterog heterogCommand `cmd:"" help:"Run workers that turn changes into records. Needs Redis."`
		}{}},
		{"syncer", &struct {
			Syncer syncerCommand `cmd:"" help:"Run workers that fold records into blobs. Needs Redis."`
		}{}},
		{"detail", &struct {
			Detail detailCommand `cmd:"" help:"Run a server of pages. Needs Redis."`
		}{}},
		{"refresh", &struct {
			Refresh refreshCommand `cmd:"" help:"Announce that entities may have changed, in bulk."`
		}{}},
		{"notify", &struct {
			Notify notifyCommand `cmd:"" help:"Say that something may have changed."`
		}{}},
		{"queue", &struct {
			Queue queueCommand `cmd:"" help:"Look into the queues; retry, drop and replay."`
		}{}},
		{"explain", &struct {
			Explain explainCommand `cmd:"" help:"Show where each part of a page comes from, and how old it is."`
		}{}},
		{"catalog", &struct {
			Catalog catalogCommand `cmd:"" help:"Check, push, list and roll back the catalog."`
		}{}},
		{"template", &struct {
			Template templateCommand `cmd:"" help:"Check, push, list and roll back templates."`
		}{}},
		{"audit", &struct {
			Audit auditCommand `cmd:"" help:"Sweep and compare once; show how much may be stale."`
		}{}},
		{"switch", &struct {
			Switch switchCommand `cmd:"" help:"Degrade switches: shed load, cut off what is sick."`
		}{}},
		{"load", &struct {
			Load loadCommand `cmd:"" help:"Request pages in an open loop: a workload, or a recorded access log."`
		}{}},
		{"bench", &struct {
			Bench benchCommand `cmd:"" help:"Measure."`
		}{}},
		{"plan", &struct {
			Plan planCommand `cmd:"" help:"Compute what a shop needs: machines, memory, messages; and what each loss does."`
		}{}},
		{"doctor", &struct {
			Doctor doctorCommand `cmd:"" help:"Check config, catalog, NATS, Redis, upstreams and disk; say what to change."`
		}{}},
		{"version", &struct {
			Version versionCommand `cmd:"" help:"Show the version."`
		}{}},
	}
}

// commandsFor gives the command that args begin with, since a parser of all is most of what a short call costs. It gives every
// command where args begin otherwise: with a flag, or with a typing error.
func commandsFor(args []string) *commands {
	for _, c := range allCommands() {
		if len(args) > 0 && args[0] == c.name {
			return &commands{Plugins: kong.Plugins{c.fields}}
		}
	}
	return everyCommand()
}

// everyCommand is the whole command line.
func everyCommand() *commands {
	all := &commands{}
	for _, c := range allCommands() {
		all.Plugins = append(all.Plugins, c.fields)
	}
	return all
}
