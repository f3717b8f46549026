package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/durable"
	"vitrine/internal/item"
)

// A stream that could not be written once, since the disk was full, refuses each later message: NATS keeps the error until its
// files are opened again, and answers no publisher meanwhile. So the embedded server's files are opened again once there is room.
const (
	reopenRoom  = 8 << 20          // free bytes on the disk
	reopenEvery = 10 * time.Second // at the most, since the disk may be filled again at once
)

// ErrDiskFull is an embedded NATS that can't write its files.
var ErrDiskFull = errors.New("NATS can't write to its disk and stores nothing until it has room; it goes on by itself then")

// disk is what is known of how the embedded server writes.
type disk struct {
	full     atomic.Bool
	reopened time.Time // of the goroutine that looks
}

// mendDisk looks whether all streams can be written, and opens their files again if they could not when it looked before, and there is
// room now. Whoever calls it has made sure that no stream's files were removed: that is a write error, too, and JetStream would forget
// the stream at its start.
func (s *Server) mendDisk(log *slog.Logger) {
	fault := s.writeFault()
	known := s.disk.full.Swap(fault != "")
	if known != (fault != "") {
		if fault == "" {
			log.Info("NATS stores messages again")
		} else {
			log.Error("NATS can't write to its disk: it stores no change until there is room, and goes on by itself then; pages are served", "dir", s.dir, "error", fault)
		}
	}
	if fault == "" || !known || time.Since(s.disk.reopened) < reopenEvery {
		return
	}
	free, err := durable.Free(s.dir)
	if err != nil || free < reopenRoom {
		return
	}
	s.disk.reopened = time.Now()
	if err := s.reopen(); err != nil {
		log.Warn("open NATS's files again", "error", err)
	}
}

// writeFault says which stream can't be written, and why; "" for none.
func (s *Server) writeFault() string {
	if !s.nats.JetStreamEnabled() {
		return "JetStream has ended"
	}
	for _, e := range s.nats.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if e.Type == server.HealthzErrorStream && strings.Contains(e.Error, "write error") { // the only one that a new start mends
			return e.Error
		}
	}
	return ""
}

// reopen ends JetStream, and starts it as it was. Connections stay.
func (s *Server) reopen() error {
	if err := s.nats.ShutdownJetStream(); err != nil {
		return err
	}
	cfg := s.jetStream
	return s.nats.EnableJetStream(&cfg)
}

// full is ErrDiskFull while the embedded server can't write.
func (s *Server) full() error {
	if s == nil || !s.disk.full.Load() {
		return nil
	}
	return fmt.Errorf("%w: %w", item.ErrUnavailable, ErrDiskFull)
}
