package rediskv

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// clientLog logs what go-redis reports of its connections; the operation's error says the same.
type clientLog struct{ log *slog.Logger }

// Printf implements go-redis's logger.
func (l clientLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis: " + fmt.Sprintf(format, v...))
}

// logClient has go-redis log to log instead of stderr. go-redis has one logger for the whole process, the only mutable
// global that this program sets. The store opened last determines it.
func logClient(log *slog.Logger) { redis.SetLogger(clientLog{log}) }
