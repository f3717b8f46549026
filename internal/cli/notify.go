package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
)

type notifyCommand struct {
	Kind      string   `arg:"" help:"The kind of the entities: sku."`
	Dimension string   `arg:"" help:"The dimension that may have changed, or all."`
	IDs       []string `arg:"" name:"id" help:"The ids as the shop writes them; - reads them from stdin, one a line."`
	Lane      string   `help:"How urgent it is: ${enum}." enum:"high,normal,refresh" default:"normal"`
	DryRun    bool     `help:"Print the subjects that would be published; do nothing."`
	natsFlag
}

func (notifyCommand) Help() string {
	return `Examples:
  vitrine notify sku price 100012
  vitrine notify sku all MH01-XS-Black 12049.1 --lane high
  cut -d, -f1 changed.csv | vitrine notify sku stock -
  vitrine notify sku price 12049.1 --dry-run     # how an id is written in a subject

It ends with 0 once NATS holds the changes.`
}

// Run is vitrine notify.
func (c *notifyCommand) Run(e *env) error {
	changes, err := c.changes(e.stdin)
	if err != nil {
		return err
	}
	if c.DryRun {
		for _, change := range changes {
			fmt.Fprintln(e.stdout, change.Subject())
		}
		return nil
	}
	conn, err := c.dial(e, "notify")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := c.known(e, conn); err != nil {
		return err
	}
	if err := conn.PublishChanges(e.ctx, changes, bus.PublishOptions{Event: time.Now(), Everywhere: true}); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "announced %d\n", len(changes))
	return nil
}

// changes are those that the command line names.
func (c *notifyCommand) changes(stdin io.Reader) (changes []item.Change, err error) {
	ids := c.IDs
	if slices.Equal(ids, []string{"-"}) {
		ids, err = readLines(stdin)
		if err != nil {
			return nil, fmt.Errorf("read ids from stdin: %w", err)
		}
	}
	if err := item.CheckName(c.Dimension); err != nil {
		return nil, usageError{err}
	}
	for _, id := range ids {
		entity, err := item.NewEntity(c.Kind, id)
		if err != nil {
			return nil, usageError{err}
		}
		changes = append(changes, item.Change{Lane: item.Lane(c.Lane), Entity: entity, Dimension: c.Dimension})
	}
	return changes, nil
}

// readLines gives the lines that are not empty.
func readLines(r io.Reader) (all []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := strings.TrimSuffix(lines.Text(), "\r"); line != "" {
			all = append(all, line)
		}
	}
	return all, lines.Err()
}

// known refuses what the catalog in force does not declare: workers would make a dead letter of it. Who may publish
// changes may not always read the catalog; workers decide then.
func (c *notifyCommand) known(e *env, conn *bus.Conn) error {
	cat, err := control.Load(e.ctx, conn)
	if err != nil {
		e.log.Debug("kind and dimension are not compared with the catalog", "error", err)
		return nil
	}
	return cat.Announces(c.Kind, c.Dimension)
}
