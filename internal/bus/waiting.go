package bus

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Waiting reports, by position, whether a change of the same entity and dimension waits in CHANGES or PARKED, is
// scheduled for another attempt or a second look, or is in work: what is in work stays in CHANGES until it is acknowledged. A change
// of all dimensions counts for each. A change that somebody scheduled for a later time does not wait.
func (c *Conn) Waiting(ctx context.Context, changes []item.Change) ([]bool, error) {
	waits := make([]bool, len(changes))
	queues := map[string]jetstream.Stream{}
	for _, name := range []string{Changes, Parked} {
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return nil, reached("look at the stream "+name, err)
		}
		queues[name] = stream
	}
	asked := map[item.Entity]map[string]bool{} // entity → dimensions that wait
	for i, change := range changes {
		dimensions, ok := asked[change.Entity]
		if !ok {
			var err error
			dimensions, err = waitingOf(ctx, queues, change.Entity)
			if err != nil {
				return nil, err
			}
			asked[change.Entity] = dimensions
		}
		waits[i] = dimensions[change.Dimension] || dimensions[item.All]
	}
	return waits, nil
}

// waitingOf lists the dimensions of an entity of which a change waits. What moves is stored where it goes before it
// leaves where it was, so that looking along its way finds it: from CHANGES to PARKED, to the retries, and back.
func waitingOf(ctx context.Context, queues map[string]jetstream.Stream, e item.Entity) (map[string]bool, error) {
	tail := "." + e.Kind + ".*." + item.EncodeID(e.ID)
	dimensions := map[string]bool{}
	for _, q := range []struct{ stream, filter string }{
		{Changes, "change.*" + tail}, {Parked, "parked.*.*" + tail},
		{Changes, "due.retry.*" + tail}, {Changes, "due.look.*" + tail}, {Changes, "change.*" + tail},
	} {
		info, err := queues[q.stream].Info(ctx, jetstream.WithSubjectFilter(q.filter))
		if err != nil {
			return nil, reached("look at the stream "+q.stream, err)
		}
		for subject := range info.State.Subjects {
			tokens := strings.Split(subject, ".")
			change, err := item.ParseChange("change." + strings.Join(tokens[len(tokens)-4:], ".")) // LANE.KIND.DIMENSION.ID
			if err == nil {
				dimensions[change.Dimension] = true
			}
		}
	}
	return dimensions, nil
}
