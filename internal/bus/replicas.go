package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/pause"
)

// clusterReplicas is how many replicas a cluster gives each stream, unless Config.Replicas says otherwise: with three, one server
// may be away, and what was acknowledged is on two others or will be.
const clusterReplicas = 3

const (
	raiseEvery    = time.Minute            // it is looked whether a stream could have more replicas
	currentEvery  = 250 * time.Millisecond // whether new replicas have everything
	currentWithin = 30 * time.Second       // they are waited for
)

// ErrTooFewServers is a NATS that has fewer servers with JetStream than the replicas that are wanted.
var ErrTooFewServers = errors.New("NATS has too few servers with JetStream for these replicas")

// wantedReplicas is how many replicas streams are to have.
func (c *Conn) wantedReplicas() int {
	switch {
	case c.cfg.Replicas > 0:
		return c.cfg.Replicas
	case c.cfg.Server != nil:
		return 1
	}
	return clusterReplicas
}

// replicate calls make with the replicas that are wanted. Where nobody said how many, and NATS has too few servers for three,
// it is called again with one; Raise mends that when there are more.
func (c *Conn) replicate(make func(replicas int) error) error {
	err := make(c.wantedReplicas())
	switch {
	case !tooFewServers(err):
		return err
	case c.cfg.Replicas == 0:
		return make(1)
	}
	return c.tooFew(err)
}

func (c *Conn) tooFew(err error) error {
	return fmt.Errorf("%w: %d are set (nats-replicas): give NATS more servers, or set 1: %w", ErrTooFewServers, c.cfg.Replicas, err)
}

// tooFewServers reports whether JetStream refuses replicas since it has not as many servers, whatever may come back. A server
// that has not been heard of since the others started counts: who makes streams then has to wait for it, or to remove it.
func tooFewServers(err error) bool {
	var answer *jetstream.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode {
	case codeNotClustered:
		return true
	case codeNoPeers:
		return !strings.Contains(answer.Description, "offline") && !strings.Contains(answer.Description, "miscellaneous") && !noRoom(err)
	}
	return false
}

// kept is a stream of ours, and where it is.
type kept struct {
	name string
	js   jetstream.JetStream
}

// ours lists the streams of ours that this connection may change, those of buckets included.
func (c *Conn) ours() (all []kept) {
	for _, cfg := range streams() {
		all = append(all, kept{cfg.Name, c.js})
	}
	for _, cfg := range buckets() {
		if c.mayMake(cfg.Bucket) {
			all = append(all, kept{bucketStream(cfg.Bucket), c.Bucket(cfg.Bucket).home().js})
		}
	}
	return all
}

// bucketStream is the name of the stream that a bucket is.
func bucketStream(bucket string) string { return "KV_" + bucket }

// Raise gives the streams that have fewer replicas than are wanted as many as that, and returns their names once the new replicas have
// everything, or after half a minute: a stream whose server goes away before stands still until that server is back, since no other
// one may lead it. It takes none from a stream that has more. Where nobody said how many there should be, and NATS has too few servers, nothing changes.
func (c *Conn) Raise(ctx context.Context) (raised []string, err error) {
	var growing []kept
	for _, at := range c.ours() {
		grows, err := c.raise(ctx, at)
		if err != nil {
			return raised, err
		}
		if grows {
			growing = append(growing, at)
			raised = append(raised, at.name)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, currentWithin)
	defer cancel()
	for _, at := range growing {
		if err := at.awaitCurrent(waiting); err != nil && ctx.Err() == nil {
			c.log.Warn("a stream's new replicas are not filled yet: a server may be away", "stream", at.name, "error", err)
		}
	}
	return raised, ctx.Err()
}

// raise reports whether one stream gets more replicas.
func (c *Conn) raise(ctx context.Context, at kept) (bool, error) {
	stream, err := at.js.Stream(ctx, at.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	if err != nil {
		return false, reached("look at the stream "+at.name, err)
	}
	cfg := stream.CachedInfo().Config
	if cfg.Replicas >= c.wantedReplicas() {
		return false, nil
	}
	cfg.Replicas = c.wantedReplicas()
	_, err = at.js.UpdateStream(ctx, cfg)
	switch {
	case tooFewServers(err) && c.cfg.Replicas == 0:
		return false, nil
	case tooFewServers(err):
		return false, fmt.Errorf("the stream %s: %w", at.name, c.tooFew(err))
	case err != nil:
		return false, reached(fmt.Sprintf("give the stream %s %d replicas", at.name, cfg.Replicas), err)
	}
	return true, nil
}

// awaitCurrent waits until all replicas of a stream, and of its durable consumers, have all of it.
func (at kept) awaitCurrent(ctx context.Context) error {
	for {
		current, err := at.current(ctx)
		switch {
		case current:
			return nil
		case err != nil && !mayPass(err):
			return err
		}
		if pause.For(ctx, currentEvery) != nil {
			return fmt.Errorf("replicas of the stream %s lag: %w", at.name, ctx.Err())
		}
	}
}

func (at kept) current(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := at.js.Stream(ctx, at.name)
	if err != nil {
		return false, reached("look at the stream "+at.name, err)
	}
	if info := stream.CachedInfo(); !caughtUp(info.Cluster, info.Config.Replicas) {
		return false, nil
	}
	current := true
	consumers := stream.ListConsumers(ctx)
	for info := range consumers.Info() { // to the end: a list that is left early leaves a goroutine
		replicas := cmp.Or(info.Config.Replicas, stream.CachedInfo().Config.Replicas)
		current = current && (info.Config.Durable == "" || caughtUp(info.Cluster, replicas))
	}
	if err := consumers.Err(); err != nil {
		return false, reached("look at the consumers of "+at.name, err)
	}
	return current, nil
}

// caughtUp reports whether so many servers are there and have everything.
func caughtUp(at *jetstream.ClusterInfo, replicas int) bool {
	if at == nil || at.Leader == "" || len(at.Replicas) < replicas-1 {
		return false
	}
	return !slices.ContainsFunc(at.Replicas, func(peer *jetstream.PeerInfo) bool { return peer.Offline || !peer.Current })
}

// KeepReplicas raises what has too few replicas, now and every minute, until ctx ends: a NATS may get more servers.
func (c *Conn) KeepReplicas(ctx context.Context) error {
	if c.wantedReplicas() == 1 {
		return nil
	}
	for ok := true; ok; ok = pause.For(ctx, raiseEvery) == nil {
		raised, err := c.Raise(ctx)
		if len(raised) > 0 {
			c.log.Info("streams have more replicas", "streams", raised, "replicas", c.wantedReplicas())
		}
		if err != nil && ctx.Err() == nil {
			c.log.Warn("streams not looked at for replicas", "error", err)
		}
	}
	return nil
}

// StreamHealth is how well a stream is replicated at a moment.
type StreamHealth struct {
	Stream   string
	Replicas int      // as configured
	Cluster  string   // its name; "" for a NATS of one server
	Leader   string   // the server that leads it; "" while none does
	Lagging  []string // servers that have not all of it yet
	Away     []string // servers that have a replica and are not there
}

// Health looks how well each stream is replicated. A stream whose servers are all away does not answer, which is an error that
// names it.
func (c *Conn) Health(ctx context.Context) (all []StreamHealth, err error) {
	for _, at := range c.ours() {
		stream, err := at.js.Stream(ctx, at.name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return all, reached("look at the stream "+at.name, err)
		}
		all = append(all, health(stream.CachedInfo()))
	}
	return all, nil
}

// awayAfter is how long a server may be silent: the others exchange heartbeats each second, and take one for offline much later.
const awayAfter = 5 * time.Second

func health(info *jetstream.StreamInfo) StreamHealth {
	h := StreamHealth{Stream: info.Config.Name, Replicas: info.Config.Replicas}
	if info.Cluster == nil {
		return h
	}
	h.Cluster = info.Cluster.Name
	h.Leader = info.Cluster.Leader
	for _, peer := range info.Cluster.Replicas {
		switch {
		case peer.Offline || peer.Active > awayAfter:
			h.Away = append(h.Away, peer.Name)
		case !peer.Current:
			h.Lagging = append(h.Lagging, peer.Name)
		}
	}
	return h
}
