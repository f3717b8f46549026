package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// silentPeer is how long a server of a stream may be silent, which says each second that it is there.
const silentPeer = 5 * time.Second

// Announced returns where the announcements of BLOBS end; its Seq is 0 where none is kept. Only the server that leads the stream answers, and
// it is believed while it hears most of the others: whoever is cut off gets an error, however well a server next to it is.
func (c *Conn) Announced(ctx context.Context) (end Position, err error) { return c.endOf(ctx, Blobs) }

// HistoryEnd returns where HISTORY ends in the same way.
func (c *Conn) HistoryEnd(ctx context.Context) (end Position, err error) {
	return c.endOf(ctx, History)
}

func (c *Conn) endOf(ctx context.Context, name string) (end Position, err error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return end, reached("look at the stream "+name, err)
	}
	info := stream.CachedInfo()
	if !hasQuorum(info.Cluster) {
		return end, fmt.Errorf("%w: the server that leads the stream %s is cut off from the others", item.ErrUnavailable, name)
	}
	if info.State.Msgs == 0 {
		return Position{Stream: info.Created}, nil
	}
	return Position{info.Created, info.State.LastSeq, info.State.LastTime}, nil
}

// hasQuorum reports whether the leader of a stream hears enough of its other servers. One that is cut off from them takes itself for the leader for as long as nothing is
// to be stored.
func hasQuorum(c *jetstream.ClusterInfo) bool {
	if c == nil {
		return true
	}
	heard := 1 // itself
	for _, peer := range c.Replicas {
		if !peer.Offline && peer.Active < silentPeer {
			heard++
		}
	}
	return 2*heard > len(c.Replicas)+1
}

// Reaches reports whether a position is at another one of the same stream, or behind it.
func (p Position) Reaches(other Position) bool {
	return p.Stream.Equal(other.Stream) && p.Seq >= other.Seq
}
