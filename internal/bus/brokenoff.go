package bus

import (
	"context"
	"log/slog"
)

// brokenOff logs that something is begun anew after so many failures in a row: a warning as their number doubles. While the
// connection is lost, which is logged once, it is none.
func (c *Conn) brokenOff(log *slog.Logger, what string, failures int, err error) {
	level := slog.LevelWarn
	if !c.Connected() || failures&(failures-1) != 0 {
		level = slog.LevelDebug
	}
	log.Log(context.Background(), level, what+" broken off, beginning again", "error", err, "failures", failures)
}
