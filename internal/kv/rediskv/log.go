package rediskv

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// clientLog passes on what go-redis says of its connections, which comes with the error of an operation as well.
type clientLog struct{ log *slog.Logger }

// Printf is go-redis's logger.
func (l clientLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis: " + fmt.Sprintf(format, v...))
}

// logClient has go-redis log to log, rather than raw lines to stderr. go-redis has one logger for the whole process, which
// is the only mutable global that this program sets; the last store that is opened has it.
func logClient(log *slog.Logger) { redis.SetLogger(clientLog{log}) }
