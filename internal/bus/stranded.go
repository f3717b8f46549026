package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// Work is stranded when it was parked for an upstream that the catalog no longer names: no intake takes it, and it would be
// counted as waiting for ever. It is published again as the change that it was, and the catalog in force says where
// that goes now. What is younger than cfg.Timing.Stranded is left alone: its upstream may be one that this process has not heard
// of yet.

// bringHome publishes stranded work again until ctx ends. All subjects are listed, which takes NATS seconds where there are a million, at
// the third look in a row that finds messages that no consumer of an upstream in force knows of: those that come and go during a
// look may seem to be such.
func (c *Consumer) bringHome(ctx context.Context) {
	doubts := 0
	for pause.For(ctx, c.cfg.Timing.Stranded/4) == nil {
		stream, known, err := c.parkedKnown(ctx)
		doubts++
		if known {
			doubts = 0
		}
		if doubts >= 3 && err == nil {
			err = c.home(ctx, stream)
			doubts = 0
		}
		if err != nil && ctx.Err() == nil {
			c.log.Debug("look for stranded work", "error", err)
		}
	}
}

// parkedKnown reports whether the consumers of the upstreams in force know of all that is parked.
func (c *Consumer) parkedKnown(ctx context.Context) (stream jetstream.Stream, known bool, err error) {
	stream, err = c.cfg.Conn.js.Stream(ctx, Parked)
	if err != nil {
		return nil, false, reached("look at the stream "+Parked, err)
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return stream, true, c.dismiss(ctx, stream)
	}
	named := func(info *jetstream.ConsumerInfo) bool { return c.named(info.Config.FilterSubject) }
	before, err := knownTo(ctx, stream, named)
	if err != nil {
		return stream, false, err
	}
	known, err = allKnown(ctx, stream, before, named)
	return stream, known, err
}

// home publishes again what is stranded.
func (c *Consumer) home(ctx context.Context, stream jetstream.Stream) error {
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("parked.>"))
	if err != nil {
		return reached("look at the stream "+Parked, err)
	}
	moved := 0
	defer func() {
		if moved > 0 {
			c.log.Info("work parked for upstreams that the catalog no longer names is taken up again", "changes", moved)
		}
	}()
	for subject := range info.State.Subjects {
		if c.named(subject) {
			continue
		}
		ok, err := c.bring(ctx, stream, subject)
		if err != nil {
			return err
		}
		if ok {
			moved++
		}
	}
	return nil
}

// named reports whether a subject of PARKED is below an upstream of the catalog in force.
func (c *Consumer) named(subject string) bool {
	_, rest, _ := strings.Cut(subject, ".")
	name, _, _ := strings.Cut(rest, ".")
	return slices.ContainsFunc(c.cfg.Placement.All(), func(p Place) bool { return p.Name == name })
}

// bring publishes one message again and removes it. What stands there by then is newer, and stays.
func (c *Consumer) bring(ctx context.Context, stream jetstream.Stream, subject string) (bool, error) {
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, reached("read "+subject, err)
	}
	change, err := item.ParseParked(subject)
	if err != nil || time.Since(m.Time)+c.cfg.Conn.Ahead() < c.cfg.Timing.Stranded {
		return false, nil
	}
	header := nats.Header{}
	for name, values := range m.Header {
		if strings.HasPrefix(name, "Vitrine-") || name == timeHeader {
			header[name] = values
		}
	}
	if err := c.cfg.Conn.publish(ctx, 1, 1, func(int) (*nats.Msg, error) {
		return &nats.Msg{Subject: change.Subject(), Header: header}, nil
	}); err != nil {
		return false, err
	}
	if err := stream.DeleteMsg(ctx, m.Sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, reached(fmt.Sprintf("remove message %d of %s", m.Sequence, Parked), err)
	}
	return true, nil
}

// dismiss removes the durable consumers of upstreams that are no more, once nothing is parked.
func (c *Consumer) dismiss(ctx context.Context, stream jetstream.Stream) error {
	list := stream.ListConsumers(ctx)
	var names []string
	for info := range list.Info() {
		if strings.HasPrefix(info.Name, c.cfg.Stage+"-parked-") && !c.named(info.Config.FilterSubject) {
			names = append(names, info.Name)
		}
	}
	if err := list.Err(); err != nil {
		return reached("look at the consumers of "+Parked, err)
	}
	for _, name := range names {
		if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return reached("remove the consumer "+name, err)
		}
	}
	return nil
}
