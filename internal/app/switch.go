package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
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
	conn, err := c.dial(e, "switch list")
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := remotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
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
}

type switchGetCommand struct {
	Name string `arg:"" help:"The switch."`
	natsFlags
}

// Run is vitrine switch get.
func (c *switchGetCommand) Run(e *env) error {
	conn, err := c.dial(e, "switch get")
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := remotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
	lines := switchLines(p)
	i := slices.IndexFunc(lines, func(l switchLine) bool { return l.Name == c.Name })
	if i < 0 {
		return fmt.Errorf("%w: %.80q (vitrine switch list has all)", switches.ErrUnknown, c.Name)
	}
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(lines[i])
	}
	_, err = fmt.Fprintln(e.stdout, lines[i].Value.Value)
	return err
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
	conn, err := c.dial(e, "switch set")
	if err != nil {
		return err
	}
	defer conn.Close()
	return c.set(e, conn, switches.Setting{Name: c.Name, Value: c.Value}, c.For, c.JSON)
}

// set checks a setting, pushes it by compare-and-set, and waits for who must have it.
func (f scopeFlags) set(e *env, conn *bus.Conn, s switches.Setting, period time.Duration, asJSON bool) error {
	if err := f.check(period); err != nil {
		return err
	}
	p, err := remotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
	d := p.Switch(s.Name)
	if d == nil {
		return usageError{fmt.Errorf("%w: %.80q (vitrine switch list has all)", switches.ErrUnknown, s.Name)}
	}
	if _, err := d.Parse(s.Value); err != nil {
		return usageError{err}
	}
	s.Scope, s.Reason, s.Author, s.At = f.Scope, f.Reason, cmp.Or(f.Author, userName()), time.Now().UTC()
	out := switchSet{Name: s.Name, Value: s.Value, Acked: []ack{}, Missing: []string{}, DryRun: f.DryRun}
	if f.DryRun {
		if out.Missing, err = expected(e.ctx, conn, f.Scope); err == nil {
			err = out.print(e, asJSON)
		}
		return err
	}
	if err := f.push(e.ctx, conn, s, period, &out); err != nil {
		return err
	}
	if err := out.print(e, asJSON); err != nil {
		return err
	}
	if len(out.Missing) > 0 {
		return errReported
	}
	return nil
}

func (f scopeFlags) check(period time.Duration) error {
	if err := switches.CheckScope(f.Scope); err != nil {
		return usageError{err}
	}
	if period < 0 || f.Wait <= 0 {
		return usagef("--for and --wait must be positive")
	}
	return nil
}

// push writes the setting and collects acknowledgements.
func (f scopeFlags) push(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration, out *switchSet) error {
	nodes, err := expected(ctx, conn, s.Scope)
	if err != nil {
		return err
	}
	type applied struct {
		revision uint64
		ack      ack
	}
	acks := make(chan applied, 4096)
	var began time.Time
	stop, err := conn.Listen(ctx, appliedHead+"*", func(subject string, node []byte) {
		revision, err := strconv.ParseUint(strings.TrimPrefix(subject, appliedHead), 10, 64)
		if err != nil {
			return
		}
		select {
		case acks <- applied{revision, ack{string(node), float64(time.Since(began).Microseconds()) / 1000}}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	began = time.Now()
	if out.Revision, err = pushSwitch(ctx, conn, s, period); err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, node := range nodes {
		waiting[node] = true
	}
	patience := time.NewTimer(f.Wait)
	defer patience.Stop()
	for len(waiting) > 0 {
		select {
		case a := <-acks:
			if a.revision == out.Revision && waiting[a.ack.Node] {
				delete(waiting, a.ack.Node)
				out.Acked = append(out.Acked, a.ack)
			}
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		break
	}
	for node := range waiting {
		out.Missing = append(out.Missing, node)
	}
	slices.Sort(out.Missing)
	return nil
}

// pushSwitch writes a setting over the one that stands in its scope, and notes in it what that was.
func pushSwitch(ctx context.Context, conn *bus.Conn, s switches.Setting, period time.Duration) (revision uint64, err error) {
	bucket, key := conn.Bucket(switchBucket), switchKey(s.Name, s.Scope)
	for range 10 {
		old, err := bucket.Get(ctx, key)
		var before switches.Setting
		if err == nil {
			err = json.Unmarshal(old.Value, &before)
		}
		switch {
		case errors.Is(err, bus.ErrNoEntry):
		case err != nil:
			return 0, fmt.Errorf("read %s: %w", key, err)
		}
		if period > 0 {
			until := s.At.Add(period)
			s.Until, s.Before = &until, before.Value
			if before.Until != nil {
				s.Before = before.Before // what comes back is what was to come back
			}
		}
		body, err := json.Marshal(s)
		if err != nil {
			return 0, err
		}
		if old.Revision == 0 {
			revision, err = bucket.Create(ctx, key, body)
		} else {
			revision, err = bucket.Update(ctx, key, body, old.Revision)
		}
		if !errors.Is(err, item.ErrChanged) {
			return revision, err
		}
	}
	return 0, fmt.Errorf("set %s: %w by others, ten times", s.Name, item.ErrChanged)
}

// expected are the processes that a scope names, as they last said that they are there.
func expected(ctx context.Context, conn *bus.Conn, scope string) (nodes []string, err error) {
	all, err := present(ctx, conn)
	for _, p := range all {
		if p.Has(scope) {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes, err
}

func present(ctx context.Context, conn *bus.Conn) (all []presence, err error) {
	bucket := conn.Bucket(nodeBucket)
	keys, err := bucket.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		e, err := bucket.Get(ctx, key)
		var p presence
		if err != nil || json.Unmarshal(e.Value, &p) != nil {
			continue // gone meanwhile
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b presence) int { return strings.Compare(a.Node, b.Node) })
	return all, nil
}

func (out switchSet) print(e *env, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(out)
	}
	if out.DryRun {
		_, err := fmt.Fprintf(e.stdout, "would set %s to %s in %d processes: %s\n", out.Name, out.Value, len(out.Missing), strings.Join(out.Missing, ", "))
		return err
	}
	fmt.Fprintf(e.stdout, "%s is %s, revision %d\n", out.Name, out.Value, out.Revision)
	for _, a := range out.Acked {
		fmt.Fprintf(e.stdout, "  %-50s %6.1f ms\n", a.Node, a.MS)
	}
	for _, node := range out.Missing {
		fmt.Fprintf(e.stdout, "  %-50s MISSING\n", node)
	}
	if len(out.Acked)+len(out.Missing) == 0 {
		fmt.Fprintln(e.stdout, "  no process is there; it is in force for those that start")
	}
	return nil
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
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
	conn, err := c.dial(e, "switch rollback")
	if err != nil {
		return err
	}
	defer conn.Close()
	past, err := switchHistory(e.ctx, conn, c.Name, c.Scope)
	if err != nil {
		return err
	}
	p, err := remotePanel(e.ctx, conn)
	if err != nil {
		return err
	}
	defer p.Close()
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
	return c.set(e, conn, switches.Setting{Name: c.Name, Value: before}, 0, c.JSON)
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
