package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
)

// Lane counts the messages of one lane of a stream.
type Lane struct {
	Waiting  uint64 `json:"waiting"`
	InFlight uint64 `json:"in_flight"` // delivered and not acked: in work, in a buffer, or waiting for another attempt
}

// Depth is how much a stream holds.
type Depth struct {
	Stored uint64               // all of it, with what is scheduled for a later time
	Lanes  map[item.Lane]Lane   // as its consumers count; nil for a stream without lanes
	Handed map[item.Lane]uint64 // deliveries to all who consume the lane, since its consumer was made
}

// Depths measures the work queues and what fills up when things go wrong. It costs the same however much there is, and so
// leaves out of the lanes what no consumer counts; see Pending.
func (c *Conn) Depths(ctx context.Context) (map[string]Depth, error) {
	depths := map[string]Depth{}
	for _, name := range []string{Changes, Parked, Syncs, Failed, Held} {
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return nil, reached("look at the stream "+name, err)
		}
		d := Depth{Stored: stream.CachedInfo().State.Msgs}
		if name == Changes || name == Parked || name == Syncs {
			d.Lanes, d.Handed, err = consumed(ctx, stream)
			if err != nil {
				return nil, reached("look at the consumers of "+name, err)
			}
		}
		depths[name] = d
	}
	return depths, nil
}

// Pending counts what is queued, stream → lane → counts, and the dead letters.
func (c *Conn) Pending(ctx context.Context) (streams map[string]map[item.Lane]Lane, failed uint64, err error) {
	streams = map[string]map[item.Lane]Lane{}
	for _, name := range []string{Changes, Parked, Syncs} {
		streams[name], err = c.lanes(ctx, name)
		if err != nil {
			return nil, 0, err
		}
	}
	failed, err = c.messages(ctx, Failed)
	return streams, failed, err
}

// lanes counts by the durable consumers. A lane that nobody has consumed yet counts as empty.
func (c *Conn) lanes(ctx context.Context, name string) (map[item.Lane]Lane, error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, reached("look at the stream "+name, err)
	}
	lanes, _, err := consumed(ctx, stream)
	if err != nil {
		return nil, reached("look at the consumers of "+name, err)
	}
	return lanes, c.uncounted(ctx, stream, name, lanes)
}

// consumed sums up by lane what the durable consumers of a stream count.
func consumed(ctx context.Context, stream jetstream.Stream) (lanes map[item.Lane]Lane, handed map[item.Lane]uint64, err error) {
	lanes, handed = map[item.Lane]Lane{}, map[item.Lane]uint64{}
	for _, l := range item.Lanes() {
		lanes[l] = Lane{}
	}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		if lane, err := item.ParseLane(info.Name[strings.LastIndexByte(info.Name, '-')+1:]); err == nil {
			sum := lanes[lane]
			sum.Waiting += info.NumPending
			sum.InFlight += uint64(max(info.NumAckPending, 0))
			lanes[lane] = sum
			handed[lane] += info.Delivered.Consumer
		}
	}
	return lanes, handed, list.Err()
}

// knownTo is how many messages of a stream the durable consumers that fit know of.
func knownTo(ctx context.Context, stream jetstream.Stream, fits func(*jetstream.ConsumerInfo) bool) (known uint64, err error) {
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		if fits(info) {
			known += info.NumPending + uint64(max(info.NumAckPending, 0))
		}
	}
	if err := list.Err(); err != nil {
		return 0, reached("look at the consumers of "+stream.CachedInfo().Config.Name, err)
	}
	return known, nil
}

// allKnown reports whether the durable consumers that fit know of all messages of a stream. before is how many they knew of a moment ago, and
// they are asked again after the stream: where messages leave meanwhile, before has them all, and where messages come, the second sum has.
func allKnown(ctx context.Context, stream jetstream.Stream, before uint64, fits func(*jetstream.ConsumerInfo) bool) (bool, error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return false, reached("look at the stream "+stream.CachedInfo().Config.Name, err)
	}
	if before >= info.State.Msgs {
		return true, nil
	}
	after, err := knownTo(ctx, stream, fits)
	return after >= info.State.Msgs, err
}

// uncounted adds what no consumer knows of: retries that are not due yet, and what was parked before anybody
// took it.
func (c *Conn) uncounted(ctx context.Context, stream jetstream.Stream, name string, lanes map[item.Lane]Lane) error {
	if name == Syncs {
		return nil
	}
	known := uint64(0)
	for _, l := range lanes {
		known += l.Waiting + l.InFlight
	}
	all, err := allKnown(ctx, stream, known, func(*jetstream.ConsumerInfo) bool { return true })
	if all || err != nil {
		return err
	}
	for lane, sum := range lanes {
		filter := "due.retry." + string(lane) + ".>"
		if name == Parked {
			filter = "parked.*." + string(lane) + ".>"
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return reached("look at the stream "+name, err)
		}
		n := uint64(len(info.State.Subjects))
		if name == Parked {
			sum.Waiting = max(sum.Waiting, n-min(n, sum.InFlight))
		} else {
			sum.InFlight += n
		}
		lanes[lane] = sum
	}
	return nil
}

// Left is how many changes and folds are not done. CHANGES is counted first: a change is acked only after
// its fold was announced, so that 0 means that nothing was on its way between the two.
func (c *Conn) Left(ctx context.Context) (left uint64, err error) {
	return c.count(ctx, Changes, Parked, Syncs)
}

// Unfinished reports whether a change or a fold of a kind waits or is in work. Retries and scheduled changes do not count.
func (c *Conn) Unfinished(ctx context.Context, kind string) (bool, error) {
	for _, at := range []struct{ stream, subject string }{
		{Changes, "change.*." + kind + ".>"}, {Parked, "parked.*.*." + kind + ".>"}, {Syncs, "sync.*." + kind + ".>"},
	} {
		_, found, err := c.oldest(ctx, at.stream, at.subject)
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func (c *Conn) count(ctx context.Context, streams ...string) (left uint64, err error) {
	for _, name := range streams {
		n, err := c.messages(ctx, name)
		if err == nil && name == Changes && n > 0 && n <= fewEnough {
			n, err = c.due(ctx, n)
		}
		if err != nil {
			return 0, err
		}
		left += n
	}
	return left, nil
}

// fewEnough is how many messages of CHANGES are looked at one by one for whether they are due some day.
const fewEnough = 1000

// due is how many of n messages of CHANGES are not what somebody has scheduled for a later time. Retries count.
func (c *Conn) due(ctx context.Context, n uint64) (uint64, error) {
	stream, err := c.js.Stream(ctx, Changes)
	if err != nil {
		return 0, reached("look at the stream "+Changes, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("due.>"))
	if err != nil {
		return 0, reached("look at the stream "+Changes, err)
	}
	for subject := range info.State.Subjects {
		if !strings.HasPrefix(subject, "due.retry.") && n > 0 {
			n--
		}
	}
	return n, nil
}

func (c *Conn) messages(ctx context.Context, name string) (uint64, error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return 0, reached("look at the stream "+name, err)
	}
	return stream.CachedInfo().State.Msgs, nil
}

// flush waits until NATS has what was written.
func (c *Conn) flush() error {
	if !c.nats.IsConnected() {
		return nil // what was not sent is delivered again
	}
	if err := c.nats.FlushTimeout(time.Second); err != nil {
		return fmt.Errorf("%w: flush NATS: %w", item.ErrUnavailable, err)
	}
	return nil
}
