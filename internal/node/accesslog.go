package node

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"vitrine/detail"
)

// openAccessLog opens the log of --access-log: a file to append to, "-" for the process's output, "" for none.
func (n *process) openAccessLog(path string) (*detail.AccessLog, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		log := detail.NewAccessLog(n.output, n.log)
		n.start(log.Run)
		return log, nil
	}
	log, err := detail.OpenAccessLog(path, n.log)
	if err != nil {
		return nil, fmt.Errorf("open --access-log: %w", err)
	}
	n.start(log.Run)
	n.start(func(ctx context.Context) error { return reopenOnSignal(ctx, log) })
	return log, nil
}

// reopenOnSignal reopens the log's file at the signals that logrotate sends. Without a signal the log itself notices
// that the file was renamed.
func reopenOnSignal(ctx context.Context, log *detail.AccessLog) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	for {
		select {
		case <-signals:
			log.Reopen()
		case <-ctx.Done():
			return nil
		}
	}
}
