package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/switches"
)

// reportTime is how long processes may take to report what is in force in them.
const reportTime = time.Second

// switchLine is what switch list and switch get print with --json.
type switchLine struct {
	switches.Value
	Settings []switches.Setting `json:"settings,omitempty"` // of all scopes
	InForce  []nodeValue        `json:"in_force"`           // in each process that answered
	Silent   []string           `json:"silent,omitempty"`   // processes that are expected, and did not answer
}

// nodeValue is what a process says that is in force in it.
type nodeValue struct {
	Node  string            `json:"node"`
	Value string            `json:"value"`
	By    *switches.Setting `json:"by,omitempty"`
}

// switchLines returns for each switch what is set, and what is in force in the processes. Where those agree, that is the
// switch's value, whatever is set: NATS may have lost what they hold.
func switchLines(e *env, conn *bus.Conn, p *switches.Panel) (lines []switchLine, err error) {
	members, err := control.Members(e.ctx, conn)
	if err != nil {
		return nil, err
	}
	reports, err := control.Ask(e.ctx, conn, members, reportTime)
	if err != nil {
		return nil, err
	}
	var silent []string
	for _, m := range members {
		if _, ok := reports.Of(m.Identity); !ok {
			silent = append(silent, m.Node)
		}
	}
	all := p.Settings()
	for _, v := range p.Values() {
		line := switchLine{Value: v, InForce: inForce(reports, v.Declaration), Silent: silent}
		for _, s := range all {
			if s.Name == v.Name {
				line.Settings = append(line.Settings, s)
			}
		}
		if agreed, ok := line.agreed(); ok {
			line.Value.Value = agreed.Value
			line.By = agreed.By
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func inForce(reports control.Reports, d switches.Declaration) []nodeValue {
	values := []nodeValue{}
	for _, r := range reports.All() {
		v := nodeValue{Node: r.Node, Value: d.Default}
		for _, moved := range r.Moved {
			if moved.Name == d.Name {
				v.Value = moved.Value
				v.By = moved.By
			}
		}
		values = append(values, v)
	}
	return values
}

// agreed is the value that is in force in all processes.
func (l switchLine) agreed() (v nodeValue, ok bool) {
	for i, n := range l.InForce {
		if i > 0 && n.Value != v.Value {
			return v, false
		}
		v = n
	}
	return v, len(l.InForce) > 0
}

// notes are lines for people: what is set for narrower scopes, and what is in force otherwise than the line says.
func (l switchLine) notes() (notes []string) {
	for _, s := range l.Settings {
		if s.Scope != switches.All {
			notes = append(notes, fmt.Sprintf("%s\t%s\t%s", s.Scope, s.Value, s.Reason))
		}
	}
	for _, n := range l.InForce {
		if n.Value != l.Value.Value || n.By != nil && n.By.Revision == 0 { // a rule's, or lost by NATS
			notes = append(notes, fmt.Sprintf("in force on %s\t%s\t%s", n.Node, n.Value, because(n.By)))
		}
	}
	return notes
}

// because says for people why a value is in force.
func because(by *switches.Setting) string {
	switch {
	case by == nil:
		return "the default"
	case by.Author == switches.AutomatonAuthor && by.Until != nil:
		return "thrown by the rule " + by.Reason + ", until " + by.Until.Format(time.DateTime)
	case by.Revision == 0:
		return "set for " + by.Scope + " before NATS lost it; set or unset it again"
	}
	text := fmt.Sprintf("set for %s, revision %d", by.Scope, by.Revision)
	if by.Author != "" {
		text += ", by " + by.Author
	}
	if by.Reason != "" {
		text += ": " + by.Reason
	}
	return text
}

type switchListCommand struct{ natsFlags }

// Run is vitrine switch list.
func (c *switchListCommand) Run(e *env) error {
	return c.withPanel(e, "switch list", func(conn *bus.Conn, p *switches.Panel) error {
		lines, err := switchLines(e, conn, p)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(e.stdout).Encode(lines)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SWITCH\tVALUE\tDEFAULT\tTYPE\tWHAT IT DOES\tWHAT THE CUSTOMER SEES")
		for _, l := range lines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Value.Value, l.Default, l.Type, l.Does, l.Shows)
			for _, note := range l.notes() {
				fmt.Fprintf(w, "  %s\n", note)
			}
		}
		if len(lines) > 0 {
			for _, node := range lines[0].Silent {
				fmt.Fprintf(w, "%s does not answer: what is in force there is not known\n", node)
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
	return c.withPanel(e, "switch get", func(conn *bus.Conn, p *switches.Panel) error {
		lines, err := switchLines(e, conn, p)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(lines, func(l switchLine) bool { return l.Name == c.Name })
		if i < 0 {
			return fmt.Errorf("%w: %.80q (vitrine switch list has all)", switches.ErrUnknown, c.Name)
		}
		if c.JSON {
			return json.NewEncoder(e.stdout).Encode(lines[i])
		}
		w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, lines[i].Value.Value)
		for _, note := range lines[i].notes() {
			fmt.Fprintf(w, "  %s\n", note)
		}
		for _, node := range lines[i].Silent {
			fmt.Fprintf(w, "  %s does not answer\n", node)
		}
		return w.Flush()
	})
}
