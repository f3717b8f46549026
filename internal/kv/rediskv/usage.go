package rediskv

import (
	"context"
	"fmt"
	"strconv"
)

// Usage is what all masters together use.
type Usage struct {
	Memory   float64 // bytes of data and of its index
	Commands float64 // since their start
}

// Usage asks each master. Errors wrap item.ErrUnavailable.
func (s *Store) Usage(ctx context.Context) (u Usage, err error) {
	err = s.eachMaster(ctx, func(ctx context.Context, n node, _ bool) error {
		text, err := n.Info(ctx).Result()
		if err != nil {
			return err
		}
		info := fields(text)
		memory, err := strconv.ParseFloat(info["used_memory"], 64)
		if err != nil {
			return fmt.Errorf("INFO: used_memory: %w", err)
		}
		commands, err := strconv.ParseFloat(info["total_commands_processed"], 64)
		if err != nil {
			return fmt.Errorf("INFO: total_commands_processed: %w", err)
		}
		u.Memory += memory
		u.Commands += commands
		return nil
	})
	return u, s.fail("usage", err)
}
