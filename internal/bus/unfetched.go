package bus

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Unfetched names the entities of which a change was announced and could not be fetched so far: it is in PARKED, or waits for another attempt. If
// more than most of them are in PARKED it names none, and tooMany is true.
func (c *Conn) Unfetched(ctx context.Context, most int) (entities map[item.Entity]bool, tooMany bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	entities = map[item.Entity]bool{}
	for _, at := range []struct{ stream, subjects string }{{Parked, "parked.>"}, {Changes, "due.retry.>"}} {
		stream, err := c.js.Stream(ctx, at.stream)
		if err != nil {
			return nil, false, reached("look at the stream "+at.stream, err)
		}
		if at.stream == Parked && stream.CachedInfo().State.Msgs > uint64(most) {
			return nil, true, nil
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(at.subjects))
		if err != nil {
			return nil, false, reached("look at the stream "+at.stream, err)
		}
		for subject := range info.State.Subjects {
			tokens := strings.SplitN(subject, ".", 3) // two, and LANE.KIND.DIMENSION.ID
			change, err := item.ParseChange("change." + tokens[len(tokens)-1])
			if err == nil && !change.Second {
				entities[change.Entity] = true
			}
		}
	}
	return entities, false, nil
}
