package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/switches"
)

// setPrefix holds sets of switches in the bucket: set/NAME.
const setPrefix = "set/"

// namedValue is a switch of a set.
type namedValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type switchDefineCommand struct {
	Set    string   `arg:"" help:"The set's name."`
	Values []string `arg:"" help:"NAME=VALUE." placeholder:"NAME=VALUE"`
	natsFlags
}

// Help is more of vitrine switch define --help.
func (switchDefineCommand) Help() string {
	return `Examples:
  vitrine switch define flash-sale live.delivery=off part.item.recommended=off ttl.factor=300
  vitrine switch apply flash-sale --for 2h --dry-run`
}

// Run is vitrine switch define.
func (c *switchDefineCommand) Run(e *env) error {
	if err := item.CheckID(c.Set); err != nil {
		return usageError{err}
	}
	return c.withPanel(e, "switch define", func(conn *bus.Conn, p *switches.Panel) error {
		var set []namedValue
		for _, v := range c.Values {
			name, value, err := switches.ParseValue(v)
			if err == nil {
				err = p.Check(name, value)
			}
			if err != nil {
				return usageError{err}
			}
			set = append(set, namedValue{name, value})
		}
		body, err := json.Marshal(set)
		if err != nil {
			return err
		}
		if _, err := conn.Bucket(control.SwitchBucket).Push(e.ctx, setPrefix+item.EncodeID(c.Set), body); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "%s is %s\n", c.Set, strings.Join(c.Values, " "))
		return err
	})
}

type switchApplyCommand struct {
	Set string        `arg:"" help:"The set's name."`
	For time.Duration `help:"Return to the previous values after this time." placeholder:"2h"`
	scopeFlags
	natsFlags
}

// Run is vitrine switch apply. It sets all switches of a set, and prints what each process has acknowledged.
func (c *switchApplyCommand) Run(e *env) error {
	return c.withRooms(e, "switch apply", c.scopeFlags, func(to pushing) error {
		set, err := c.load(e, to.conn)
		if err != nil {
			return err
		}
		if c.Reason == "" {
			c.Reason = "set " + c.Set
		}
		var failed bool
		for _, v := range set {
			err := c.set(e, to, switches.Setting{Name: v.Name, Value: v.Value}, c.For, c.JSON)
			if errors.Is(err, errReported) {
				failed = true // the others are set all the same
				continue
			}
			if err != nil {
				return fmt.Errorf("%s of the set %s: %w", v.Name, c.Set, err)
			}
		}
		if failed {
			return errReported
		}
		return nil
	})
}

func (c *switchApplyCommand) load(e *env, conn *bus.Conn) (set []namedValue, err error) {
	if err := item.CheckID(c.Set); err != nil {
		return nil, usageError{err}
	}
	entry, err := conn.Bucket(control.SwitchBucket).Get(e.ctx, setPrefix+item.EncodeID(c.Set))
	if errors.Is(err, bus.ErrNoEntry) {
		known, err := knownSets(e, conn)
		return nil, errors.Join(fmt.Errorf("there is no set %q; there is: %s (vitrine switch define makes one)", c.Set, strings.Join(known, ", ")), err)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(entry.Value, &set); err != nil {
		return nil, fmt.Errorf("read the set %s: %w", c.Set, err)
	}
	return set, nil
}

func knownSets(e *env, conn *bus.Conn) (names []string, err error) {
	keys, err := conn.Bucket(control.SwitchBucket).Keys(e.ctx)
	for _, key := range keys {
		if token, ok := strings.CutPrefix(key, setPrefix); ok {
			if name, err := item.DecodeID(token); err == nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, err
}
