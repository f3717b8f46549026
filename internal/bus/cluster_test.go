package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

// dialCluster returns once there are all streams. A server that is late, as it is on a busy machine, counts as away until then.
func dialCluster(t *testing.T, cluster *bustest.Cluster, replicas int) *bus.Conn {
	t.Helper()
	c, err := bus.Dial(t.Context(), bus.Config{URL: cluster.URL, Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// done calls do until it has no error.
func done(t *testing.T, what string, do func() error) {
	t.Helper()
	last := ""
	poll.Until(t, what, func() bool {
		err := do()
		if err != nil && err.Error() != last {
			last = err.Error()
			t.Log(last)
		}
		return err == nil
	})
}

// replicas is how many replicas each stream has.
func replicas(t *testing.T, c *bus.Conn) map[string]int {
	t.Helper()
	found := map[string]int{}
	done(t, "the health of all streams", func() error {
		all, err := c.Health(t.Context())
		for _, h := range all {
			found[h.Stream] = h.Replicas
		}
		return err
	})
	return found
}

// raise returns the streams that were given more replicas.
func raise(t *testing.T, c *bus.Conn) (raised []string) {
	t.Helper()
	done(t, "a Raise", func() error {
		more, err := c.Raise(t.Context())
		raised = append(raised, more...)
		return err
	})
	return raised
}

// each is a number for each stream of ours.
func each(n int) map[string]int {
	all := map[string]int{}
	for _, name := range []string{
		"CHANGES", "SYNC", "PARKED", "BLOBS", "FAILED", "HELD", "HISTORY", "KV_switches", "KV_catalog", "KV_templates", "KV_nodes", "KV_roster", "KV_marks",
	} {
		all[name] = n
	}
	return all
}

// TestAClusterLosesNothingAcknowledged proves that streams made with one replica get three, and those made after a loss too, and that
// the loss of a server just after that costs nothing of what was acknowledged: work goes on as soon as another server leads. So it
// is after all servers were restarted, and when one is cut off.
func TestAClusterLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	cluster := bustest.StartCluster(t, 3, nil)
	single := dialCluster(t, cluster, 1)
	if diff := cmp.Diff(each(1), replicas(t, single)); diff != "" {
		t.Fatal("made with one replica each:", diff)
	}
	if !long.Full() { // each new replica takes seconds
		lose(t, cluster, bus.Changes)
	}
	l := newLoad(t, dialCluster(t, cluster, 1), dialCluster(t, cluster, 1))
	l.settle("the start")
	auto, err := bus.Dial(t.Context(), bus.Config{URL: cluster.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer auto.Close()
	if raised := raise(t, auto); !slices.Contains(raised, bus.Changes) {
		t.Fatalf("raised %v, want all", raised)
	}
	if err := auto.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(each(3), replicas(t, single)); diff != "" {
		t.Error("raised, and made anew:", diff)
	}
	if raised := raise(t, single); len(raised) > 0 {
		t.Errorf("raised %v: streams with more replicas than wanted stay", raised)
	}

	for range long.Pick(1, 6) {
		i := leading(t, cluster)
		cluster.Stop(i)
		l.settle("the end of the server that led")
		away(t, single, cluster.Nodes[i].Name)
		cluster.Start(i)
		cluster.Await()
	}
	for range long.Pick(0, 4) {
		i := leading(t, cluster)
		cluster.Break(i)
		poll.Until(t, "another server leads", func() bool {
			for j := range cluster.Nodes {
				if j != i && cluster.Server(j).JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, bus.Changes) {
					return true
				}
			}
			return false
		})
		cluster.Heal(i)
		cluster.Await()
		l.settle("a cut")
	}
	for i := range cluster.Nodes {
		cluster.Stop(i)
	}
	for i := range cluster.Nodes {
		cluster.Start(i)
	}
	l.settle("the restart of all servers")
}

// lose deletes all streams but one.
func lose(t *testing.T, cluster *bustest.Cluster, except string) {
	t.Helper()
	js := jetStream(t, cluster.URL)
	for name := range each(0) {
		if name == except {
			continue
		}
		done(t, name+" is deleted", func() error {
			err := js.DeleteStream(t.Context(), name)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				return nil // an earlier request was answered too late
			}
			return err
		})
	}
}

// jetStream is a way to NATS beside the bus.
func jetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// leading waits until a server leads CHANGES, and returns its number.
func leading(t *testing.T, cluster *bustest.Cluster) (i int) {
	t.Helper()
	poll.Until(t, "a leader of CHANGES", func() bool {
		i = cluster.Leader(bus.Changes, "")
		return i >= 0
	})
	return i
}

// away checks that Health comes to name a server that is away.
func away(t *testing.T, c *bus.Conn, name string) {
	t.Helper()
	poll.Until(t, name+" is known to be away", func() bool {
		all, err := c.Health(t.Context())
		return err == nil && len(all) == len(each(3)) && !slices.ContainsFunc(all, func(h bus.StreamHealth) bool { return !slices.Contains(h.Away, name) })
	})
}

// TestReplicasOfTwoServers proves that a cluster of two gives one replica, and says why it gives no three to who sets three.
func TestReplicasOfTwoServers(t *testing.T) {
	t.Parallel()
	cluster := bustest.StartCluster(t, 2, nil)
	c := dialCluster(t, cluster, 0)
	if diff := cmp.Diff(each(1), replicas(t, c)); diff != "" {
		t.Error(diff)
	}
	if raised := raise(t, c); len(raised) > 0 {
		t.Errorf("raised %v", raised)
	}
	three, err := bus.Dial(t.Context(), bus.Config{URL: cluster.URL, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close()
	done(t, "a refusal", func() error {
		if _, err := three.Raise(t.Context()); !errors.Is(err, bus.ErrTooFewServers) {
			return fmt.Errorf("error %w, want %w", err, bus.ErrTooFewServers)
		}
		return nil
	})
}

// TestReplicasOfALoneServer proves that a NATS that is no cluster gives one replica, and refuses more with a sentence.
func TestReplicasOfALoneServer(t *testing.T) {
	t.Parallel()
	url := bustest.Run(t, func(*server.Options) {}).ClientURL()
	three, err := bus.Dial(t.Context(), bus.Config{URL: url, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close()
	if err := three.Ensure(t.Context()); !errors.Is(err, bus.ErrTooFewServers) {
		t.Errorf("error %v, want %v", err, bus.ErrTooFewServers)
	}
	if diff := cmp.Diff(each(1), replicas(t, dial(t, bus.Config{URL: url}))); diff != "" {
		t.Error(diff)
	}
}

// TestAStreamWithoutServersHoldsUpNoOther proves that work of CHANGES goes on, and begins anew, while another stream's only server is
// away.
func TestAStreamWithoutServersHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	cluster := bustest.StartCluster(t, 3, nil)
	c := dialCluster(t, cluster, 3)
	js := jetStream(t, cluster.URL)
	bucket, err := js.Stream(t.Context(), "KV_nodes")
	if err != nil {
		t.Fatal(err)
	}
	cfg := bucket.CachedInfo().Config
	cfg.Replicas = 1
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	var only int
	poll.Until(t, "a bucket on one server", func() bool {
		info, err := bucket.Info(t.Context())
		only = cluster.Leader("KV_nodes", "")
		return err == nil && only >= 0 && info.Cluster != nil && len(info.Cluster.Replicas) == 0
	})
	cluster.Stop(only)
	handled := make(chan string, 4)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		handled <- batch[0].Change.Entity.ID
		return make([]error, len(batch))
	}})
	poll.Until(t, "a change that is taken", func() bool {
		return c.PublishChanges(t.Context(), []item.Change{change(item.High, "1")}, bus.PublishOptions{}) == nil
	})
	receive(t, "a change while a bucket is away", handled)
}

// TestAFullStoreRefuses proves that a NATS that has no room acknowledges nothing that it does not keep, that work goes on, and
// that changes are taken again when there is room.
func TestAFullStoreRefuses(t *testing.T) {
	t.Parallel()
	s := bustest.Run(t, func(o *server.Options) { o.JetStreamMaxStore = 24 << 20 })
	c := dial(t, bus.Config{URL: s.ClientURL()})
	publish(t, c, change(item.High, "before"))
	free := fillStore(t, s)
	poll.Until(t, "a change that is refused", func() bool {
		err := c.PublishChanges(t.Context(), []item.Change{change(item.High, "refused")}, bus.PublishOptions{})
		if err != nil && !strings.Contains(err.Error(), "JetStream is full: give it more") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		return err != nil
	})
	if err := c.CheckStores(t.Context()); err == nil || c.Stores() {
		t.Errorf("doctor is told that NATS stores changes, and metrics %t", c.Stores())
	}
	handled := make(chan string, 4)
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		handled <- batch[0].Change.Entity.ID
		return make([]error, len(batch))
	}})
	if id := receive(t, "what was acknowledged before", handled); id != "before" {
		t.Errorf("%s was handled, and never acknowledged", id)
	}
	free()
	poll.Until(t, "a change that is taken", func() bool {
		return c.PublishChanges(t.Context(), []item.Change{change(item.High, "after")}, bus.PublishOptions{}) == nil
	})
	for receive(t, "what was acknowledged after", handled) != "after" {
	}
	if err := c.CheckStores(t.Context()); err != nil || !c.Stores() {
		t.Errorf("doctor is told %v, and metrics %t", err, c.Stores())
	}
}

// fillStore fills a server's store with another stream, until free is called.
func fillStore(t *testing.T, s *server.Server) (free func()) {
	t.Helper()
	js := jetStream(t, s.ClientURL())
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other"}}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{512 << 10, 4 << 10, 16} {
		body := make([]byte, size)
		for {
			if _, err := js.Publish(t.Context(), "other", body); err != nil {
				break
			}
		}
	}
	return func() {
		if err := js.DeleteStream(t.Context(), "OTHER"); err != nil {
			t.Fatal(err)
		}
	}
}
