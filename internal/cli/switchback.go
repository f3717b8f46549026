package cli

import (
	"cmp"
	"fmt"
	"time"

	"vitrine/internal/control"
	"vitrine/switches"
)

type switchUnsetCommand struct {
	Name string `arg:"" help:"The switch."`
	scopeFlags
	natsFlags
}

// Help is more of vitrine switch unset --help.
func (switchUnsetCommand) Help() string {
	return `Examples:
  vitrine switch unset upstream.prices
  vitrine switch unset read.redis --scope node:shop-1-detail-8f3a2b1c

The setting of a wider scope is in force then, or the default; rules may move the switch again.`
}

// Run is vitrine switch unset.
func (c *switchUnsetCommand) Run(e *env) error {
	return c.withRooms(e, "switch unset", c.scopeFlags, func(to pushing) error {
		return c.unset(e, to, c.Name, c.JSON)
	})
}

// unset withdraws a scope's setting. It is pushed even if there is none: processes may have one that NATS has lost.
func (f scopeFlags) unset(e *env, to pushing, name string, asJSON bool) error {
	if err := f.check(0); err != nil {
		return err
	}
	known := to.panel.Switch(name) != nil
	for _, s := range to.panel.Settings() {
		known = known || s.Name == name // of an earlier catalog
	}
	if !known {
		return usageError{fmt.Errorf("%w: %.80q (vitrine switch list has all)", switches.ErrUnknown, name)}
	}
	return f.put(e, to, switches.Setting{Name: name}, 0, asJSON)
}

type switchRollbackCommand struct {
	Name string `arg:"" help:"The switch."`
	scopeFlags
	natsFlags
}

// Run is vitrine switch rollback.
func (c *switchRollbackCommand) Run(e *env) error {
	return c.withRooms(e, "switch rollback", c.scopeFlags, func(to pushing) error {
		past, err := control.SwitchHistory(e.ctx, to.conn, c.Name, c.Scope)
		if err != nil {
			return err
		}
		if len(past) == 0 {
			return fmt.Errorf("%s was never set in the scope %s", c.Name, c.Scope)
		}
		c.Reason = cmp.Or(c.Reason, "rollback")
		now, _ := to.conn.Now()
		s, left := previousSetting(past, now)
		if s.Value == "" {
			return c.unset(e, to, c.Name, c.JSON)
		}
		return c.set(e, to, s, left, c.JSON)
	})
}

// previousSetting is the scope's setting before its last one, as it would be now: a setting that has ended since is not
// brought back. left is the time until it ends; 0 is no end. Without a previous setting it has no value.
func previousSetting(past []switches.Setting, now time.Time) (s switches.Setting, left time.Duration) {
	last := past[len(past)-1]
	if len(past) == 1 {
		return switches.Setting{Name: last.Name}, 0
	}
	s = past[len(past)-2]
	if s.Until != nil && now.Before(*s.Until) {
		return switches.Setting{Name: s.Name, Value: s.Value, Before: s.Before}, s.Until.Sub(now)
	}
	return switches.Setting{Name: s.Name, Value: s.ValueAfter()}, 0
}
