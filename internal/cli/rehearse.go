package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/node"
	"vitrine/switches"
)

type switchRehearseCommand struct {
	Apply rehearseApplyCommand `cmd:"" help:"Show what a set of switches would do."`
	Set   rehearseSetCommand   `cmd:"" help:"Show what values of switches would do."`
}

// rehearseFlags are the process to ask, and the number of pages.
type rehearseFlags struct {
	Sample int `help:"Number of pages to render, those in memory first." default:"200"`
	adminFlag
	tokenFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type rehearseApplyCommand struct {
	Name string `arg:"" help:"The set's name."`
	rehearseFlags
	natsFlag
}

type rehearseSetCommand struct {
	Values []string `arg:"" help:"NAME=VALUE, as many as you like."`
	rehearseFlags
}

func (switchRehearseCommand) Help() string {
	return `Examples:
  vitrine switch rehearse apply flash-sale --sample 500
  vitrine switch rehearse set read.redis=off live.delivery=off

A server of pages renders real pages as they are and as they would be with those switches, and compares them. Nothing is
set, stored or announced. Exit code 1 if pages would fail.`
}

// Run is vitrine switch rehearse apply.
func (c *rehearseApplyCommand) Run(e *env) error {
	return natsFlags{natsFlag: c.natsFlag}.withPanel(e, "switch rehearse", func(conn *bus.Conn, _ *switches.Panel) error {
		set, err := (&switchApplyCommand{Set: c.Name}).load(e, conn)
		if err != nil {
			return err
		}
		values := map[string]string{}
		for _, v := range set {
			values[v.Name] = v.Value
		}
		return c.rehearse(e, values)
	})
}

// Run is vitrine switch rehearse set.
func (c *rehearseSetCommand) Run(e *env) error {
	values, err := node.ParseValues(c.Values)
	if err != nil {
		return usageError{err}
	}
	return c.rehearse(e, values)
}

func (f rehearseFlags) rehearse(e *env, values map[string]string) error {
	if f.Sample < 1 || f.Sample > node.MaxRehearsed {
		return usagef("--sample is 1 to %d", node.MaxRehearsed)
	}
	token, err := f.token()
	if err != nil {
		return err
	}
	var r detail.Rehearsal
	query := node.RehearseQuery(values)
	if err := orderAdmin(e.ctx, f.Admin, token, "/rehearse?sample="+strconv.Itoa(f.Sample)+"&"+query, &r); err != nil {
		return err
	}
	if f.JSON {
		if err := json.NewEncoder(e.stdout).Encode(r); err != nil {
			return err
		}
	} else {
		printRehearsal(e.stdout, r, func(path string) string {
			return node.AdminBase(f.Admin) + node.RehearsalLink(token, "/rehearsal", path, values)
		})
	}
	if r.Failing > 0 {
		return errReported
	}
	return nil
}

func printRehearsal(w io.Writer, r detail.Rehearsal, link func(path string) string) {
	fmt.Fprintf(w, "%d pages: %d the same, %d different, %d would fail; %d bytes now, %d then\n", r.Pages, r.Same, r.Changed, r.Failing, r.Bytes[0], r.Bytes[1])
	for _, list := range []struct {
		what  string
		count map[string]int
	}{{"status", r.Statuses}, {"without", r.Lost}, {"from", r.Sources}, {"live", r.Live}} {
		for _, name := range slices.Sorted(maps.Keys(list.count)) {
			fmt.Fprintf(w, "  %-8s %-32s %d\n", list.what, name, list.count[name])
		}
	}
	for _, x := range r.Examples {
		fmt.Fprintf(w, "  %s: %s\n    %s\n", x.Path, x.What, link(x.Path))
	}
}
