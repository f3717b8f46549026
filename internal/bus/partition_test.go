package bus_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/pause"
	"vitrine/internal/poll"
)

// TestAServerThatIsCutOff proves that processes leave a server that has lost the others of its cluster, that their work goes on with
// those while it is cut off, and that nothing is lost which was acknowledged before, meanwhile or after.
func TestAServerThatIsCutOff(t *testing.T) {
	t.Parallel()
	cluster := bustest.StartCluster(t, 3, nil)
	dialCluster(t, cluster, 3)
	for _, test := range []struct {
		name             string
		leads, connected bool
	}{
		{"which led CHANGES, and to which all are connected", true, true},
		{"which led nothing of CHANGES, and to which all are connected", false, true},
		{"which led CHANGES, and to which nobody is connected", true, false},
	}[:long.Pick(1, 3)] {
		t.Run(test.name, func(t *testing.T) {
			cut := leading(t, cluster)
			if !test.leads {
				cut = (cut + 1) % 3
			}
			at := cut
			if !test.connected {
				at = (cut + 1) % 3
			}
			reader := dialAt(t, cluster, at)
			l := newLoad(t, dialAt(t, cluster, at), dialAt(t, cluster, at))
			f := newFollowing(t, reader)
			l.settle("the start")
			f.settle(l.conn, "at the start")

			cluster.Cut(cut)
			began := time.Now()
			l.settle("the cut")
			t.Logf("work goes on %s after the cut", time.Since(began).Round(100*time.Millisecond))
			f.settle(l.conn, "during the cut")
			if long.Full() {
				_ = pause.For(t.Context(), cutFor)
			}
			l.settle("the end of the cut")

			cluster.Heal(cut)
			cluster.Await()
			l.settle("the healing")
			f.settle(l.conn, "after the healing")
		})
	}
}

// cutFor is how long a cut lasts in the full form.
const cutFor = 30 * time.Second

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
