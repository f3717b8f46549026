package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Idle reports whether nothing of a lane waits in CHANGES and SYNC, or is in work; what is parked does not count. CHANGES is
// looked at first, as in Left. It asks the streams, since NATS counts what a consumer has pending a moment after it has
// stored it: 0 by Pending may be one that has just been announced. It is meant for a lane that has little in it, whose
// subjects are listed.
func (c *Conn) Idle(ctx context.Context, lane item.Lane) (bool, error) {
	for _, place := range []struct{ stream, below string }{
		{Changes, "change." + string(lane) + ".>"},
		{Changes, "due.retry." + string(lane) + ".>"},
		{Syncs, "sync." + string(lane) + ".>"},
	} {
		stream, err := c.js.Stream(ctx, place.stream)
		if err != nil {
			return false, reached("look at the stream "+place.stream, err)
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(place.below))
		if err != nil {
			return false, reached("look at the stream "+place.stream, err)
		}
		if len(info.State.Subjects) > 0 {
			return false, nil
		}
	}
	return true, nil
}
