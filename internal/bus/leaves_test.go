package bus_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/pause"
	"vitrine/internal/poll"
)

// TestAServerLeavesItsCluster proves that processes leave a server that has lost the others of its cluster, or that is shut down as a
// lame duck; that their work goes on with the others; and that nothing is lost which was acknowledged before, meanwhile or after.
func TestAServerLeavesItsCluster(t *testing.T) {
	t.Parallel()
	cluster := bustest.StartCluster(t, 3, func(_ int, o *server.Options) {
		o.LameDuckGracePeriod, o.LameDuckDuration = time.Second, 3*time.Second
	})
	dialCluster(t, cluster, 3)
	for _, test := range []struct {
		name             string
		leads, connected bool
	}{
		{"cut off, it led CHANGES, and all are connected to it", true, true},
		{"cut off, it led nothing of CHANGES, and all are connected to it", false, true},
		{"cut off, it led CHANGES, and nobody is connected to it", true, false},
	}[:long.Pick(1, 3)] {
		t.Run(test.name, func(t *testing.T) {
			of := leading(t, cluster)
			if !test.leads {
				of = (of + 1) % 3
			}
			at := of
			if !test.connected {
				at = (of + 1) % 3
			}
			leave(t, cluster, of, at, func() { cluster.Cut(of) }, func() { cluster.Heal(of) })
		})
	}
	t.Run("as a lame duck", func(t *testing.T) {
		of := leading(t, cluster)
		ended := make(chan struct{})
		shutdown := func() {
			go func() {
				defer close(ended)
				cluster.Server(of).LameDuckShutdown()
			}()
		}
		leave(t, cluster, of, of, shutdown, func() {
			receive(t, "the end of the lame duck", ended)
			cluster.Stop(of)
			cluster.Start(of)
		})
	})
}

// leave has a server leave the cluster and come back, while processes work that are connected to one.
func leave(t *testing.T, cluster *bustest.Cluster, of, at int, leaves, returns func()) {
	t.Helper()
	publisher, consumer, reader := dialAt(t, cluster, at), dialAt(t, cluster, at), dialAt(t, cluster, at)
	l := newLoad(t, publisher, consumer)
	f := newFollowing(t, reader)
	l.settle("the start")
	f.settle(publisher, "at the start")

	leaves()
	began := time.Now()
	for _, c := range []*bus.Conn{publisher, consumer, reader} {
		poll.Until(t, "a connection to a server that is one of the cluster", func() bool {
			name := c.ServerName()
			return name != "" && name != cluster.Nodes[of].Name
		})
	}
	l.settle("it has left")
	t.Logf("work goes on after %s", time.Since(began).Round(100*time.Millisecond))
	f.settle(publisher, "while it is away")
	if long.Full() {
		_ = pause.For(t.Context(), awayFor)
	}
	l.settle("a while")

	returns()
	cluster.Await()
	l.settle("it is back")
	f.settle(publisher, "when it is back")
}

// awayFor is how long a server is away in the full form.
const awayFor = 30 * time.Second

// dialAt connects to the i-th server of a cluster, and knows all.
func dialAt(t *testing.T, cluster *bustest.Cluster, i int) (c *bus.Conn) {
	t.Helper()
	poll.Until(t, "a connection to "+cluster.Nodes[i].Name, func() bool {
		var err error
		c, err = bus.Dial(t.Context(), bus.Config{URL: cluster.URL})
		if err != nil {
			t.Fatal(err)
		}
		if c.ServerName() == cluster.Nodes[i].Name {
			return true
		}
		c.Close()
		return false
	})
	t.Cleanup(c.Close)
	return c
}

// following is what a detail server follows: announcements of blobs, and switches.
type following struct {
	t *testing.T

	mu   sync.Mutex // guards seen
	seen map[string]bool
}

// newFollowing follows until the test ends.
func newFollowing(t *testing.T, c *bus.Conn) *following {
	t.Helper()
	f := &following{t: t, seen: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = c.Bucket("switches").Watch(ctx, func(e bus.Entry) error {
			f.note("switch " + string(e.Value))
			return nil
		})
	})
	running.Go(func() {
		_ = c.FollowBlobs(ctx, bus.Position{}, func(batch []bus.Announcement, _ bus.Position) {
			for _, a := range batch {
				f.note("blob " + a.Entity.ID)
			}
		}, func() {})
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return f
}

func (f *following) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[what] = true
}

// settle pushes a switch and announces a blob, and waits until both have been seen.
func (f *following) settle(over *bus.Conn, when string) {
	f.t.Helper()
	id := strings.ReplaceAll(when, " ", "-")
	done(f.t, "a switch pushed "+when, func() error {
		_, err := over.Bucket("switches").Put(f.t.Context(), "k", []byte(id))
		return err
	})
	done(f.t, "a blob announced "+when, func() error {
		return over.Announce(f.t.Context(), []bus.Announcement{{Entity: item.Entity{Kind: "sku", ID: id}, Gens: map[string]uint64{"item": 1}}})
	})
	poll.Until(f.t, "the switch and the blob seen "+when, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.seen["switch "+id] && f.seen["blob "+id]
	})
}
