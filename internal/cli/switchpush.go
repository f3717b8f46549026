package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os/user"
	"strings"
	"time"

	"vitrine/internal/control"
	"vitrine/switches"
)

// mostFor bounds --for.
const mostFor = 365 * 24 * time.Hour

// set checks a setting, pushes it by compare-and-set, and waits for who must have it.
func (f scopeFlags) set(e *env, to pushing, s switches.Setting, period time.Duration, asJSON bool) error {
	if err := f.check(period); err != nil {
		return err
	}
	if err := to.panel.Check(s.Name, s.Value); err != nil {
		return usageError{err}
	}
	return f.put(e, to, s, period, asJSON)
}

// put is set for a setting that is good. It fails where the value is not in force on every process that is expected.
func (f scopeFlags) put(e *env, to pushing, s switches.Setting, period time.Duration, asJSON bool) error {
	s.Scope, s.Reason, s.Author = f.Scope, f.Reason, cmp.Or(f.Author, userName())
	if f.DryRun {
		members, err := control.Members(e.ctx, to.conn)
		if err != nil {
			return err
		}
		out := control.SwitchOutcome{Name: s.Name, Value: s.Value, Acked: []control.SwitchAck{}, Missing: []string{}, DryRun: true}
		for _, m := range control.Within(members, s.Scope) {
			out.Missing = append(out.Missing, m.Node)
		}
		return printOutcome(e, out, asJSON)
	}
	d := to.panel.Switch(s.Name)
	out, err := control.SetSwitch(e.ctx, to.conn, d, s, period, f.Wait)
	if err != nil {
		return err
	}
	out.Rooms = to.rooms.Carry(e.ctx, control.CarrySwitch(d, s, out.Revision, f.Wait))
	if err := printOutcome(e, out, asJSON); err != nil {
		return err
	}
	if !out.Everywhere() {
		return errReported
	}
	return nil
}

func (f scopeFlags) check(period time.Duration) error {
	if err := switches.CheckScope(f.Scope); err != nil {
		return usageError{err}
	}
	if period < 0 || period > mostFor || f.Wait < 0 {
		return usagef("--for and --wait must be positive, --for at most a year")
	}
	_, err := f.addresses()
	return err
}

func printOutcome(e *env, out control.SwitchOutcome, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	what := "set to " + out.Value
	if out.Value == "" {
		what = "withdrawn"
	}
	if out.DryRun {
		_, err := fmt.Fprintf(e.stdout, "would be %s in %d processes: %s: %s\n", what, len(out.Missing), out.Name, strings.Join(out.Missing, ", "))
		return err
	}
	fmt.Fprintf(e.stdout, "%s is %s, revision %d\n", out.Name, what, out.Revision)
	for _, a := range out.Acked {
		fmt.Fprintf(e.stdout, "  %-50s %6.1f ms  %s\n", a.Node, a.MS, ackText(a))
	}
	for _, node := range out.Missing {
		fmt.Fprintf(e.stdout, "  %-50s MISSING    %s\n", node, out.Why[node])
	}
	if out.Unsure != "" {
		fmt.Fprintf(e.stdout, "  %s\n", out.Unsure)
	}
	if len(out.Acked)+len(out.Missing) == 0 {
		fmt.Fprintln(e.stdout, "  no process is there; it is in force for those that start")
	}
	printRooms(e.stdout, out.Rooms)
	return nil
}

// ackText says for people what is in force in a process.
func ackText(a control.SwitchAck) string {
	text := a.Value
	if a.Differs {
		text = "DIFFERS: " + cmp.Or(a.Value, "not known there")
	}
	if a.OverriddenBy != nil {
		text += ", " + because(a.OverriddenBy)
	}
	for _, more := range []string{a.Note, a.Error} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
