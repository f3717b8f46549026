package bus

import "context"

// Announced returns where the announcements of BLOBS end; its Seq is 0 where none is kept. Only the server that leads the stream answers: whoever
// is cut off from that one gets an error, however well a server next to it is.
func (c *Conn) Announced(ctx context.Context) (end Position, err error) { return c.endOf(ctx, Blobs) }

// HistoryEnd returns where HISTORY ends in the same way.
func (c *Conn) HistoryEnd(ctx context.Context) (end Position, err error) {
	return c.endOf(ctx, History)
}

func (c *Conn) endOf(ctx context.Context, name string) (end Position, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return end, reached("look at the stream "+name, err)
	}
	info := stream.CachedInfo()
	if info.State.Msgs == 0 {
		return Position{Stream: info.Created}, nil
	}
	return Position{info.Created, info.State.LastSeq, info.State.LastTime}, nil
}

// Reaches reports whether a position is at another one of the same stream, or behind it.
func (p Position) Reaches(other Position) bool {
	return p.Stream.Equal(other.Stream) && p.Seq >= other.Seq
}
