package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
	"vitrine/internal/pause"

	"github.com/nats-io/nats.go/jetstream"
)

// guardBeat is how often the embedded server's files are looked at.
const guardBeat = time.Second

// streamMeta is the file of a stream's configuration. Consumers make their stream's folder again when they
// write their state, so the folder alone does not show that the stream's files are there.
const streamMeta = "meta.inf"

// Guard watches the files of the embedded server, until ctx ends. A stream whose files somebody removed
// refuses every message from its next write on, and for ever; it is made anew, empty, and lost is called,
// to put again what only NATS held. Streams that could not be written go on once their disk has room. Of an outside NATS it does nothing.
func (c *Conn) Guard(ctx context.Context, lost func(context.Context) error) error {
	for c.cfg.Server != nil && pause.For(ctx, guardBeat) == nil {
		gone, err := c.removed(ctx)
		if len(gone) == 0 && (err == nil || !c.cfg.Server.nats.JetStreamEnabled()) {
			c.cfg.Server.mendDisk(c.log)
		}
		if err != nil || len(gone) == 0 {
			continue
		}
		c.log.Error("NATS's files were removed; its streams are made anew, what waited in them is lost", "streams", gone)
		for _, name := range gone {
			if err := c.js.DeleteStream(ctx, name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
				c.log.Warn("remove a stream without files", "stream", name, "error", err)
			}
		}
		if err := errors.Join(c.Ensure(ctx), lost(ctx)); err != nil {
			c.log.Warn("make streams anew; trying again", "error", err)
		}
	}
	return nil
}

// removed lists the streams whose files are not there.
func (c *Conn) removed(ctx context.Context) (gone []string, err error) {
	names := c.js.StreamNames(ctx)
	for name := range names.Name() {
		_, err := os.Stat(filepath.Join(c.cfg.Server.dir, "jetstream", "$G", "streams", name, streamMeta))
		if errors.Is(err, os.ErrNotExist) {
			gone = append(gone, name)
		}
	}
	return gone, names.Err()
}
