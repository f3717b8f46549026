package bus_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/poll"
	"vitrine/internal/smalldisk"
)

// TestAFullDisk fills the disk of the embedded server while changes are published, and proves that publishers are told so, that nothing
// acknowledged is lost, and that all goes on by itself once there is room.
func TestAFullDisk(t *testing.T) {
	long.Only(t)
	dir := smalldisk.Mount(t, "64m")
	embedded, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: filepath.Join(dir, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Shutdown)
	c := dial(t, bus.Config{Server: embedded})
	guard(t, c)
	var acked []string
	put := func(id string) error {
		err := c.PublishChanges(t.Context(), []item.Change{change(item.High, id)}, bus.PublishOptions{})
		if err == nil {
			acked = append(acked, id)
		}
		return err
	}
	for i := range 2000 {
		if err := put(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	free := smalldisk.Fill(t, dir)
	n := 0
	poll.Until(t, "a refusal that says why", func() bool {
		n++
		return errors.Is(put("full"+strconv.Itoa(n)), bus.ErrDiskFull)
	})
	if c.Stores() {
		t.Error("NATS is said to store what is published")
	}
	if err := c.CheckStores(t.Context()); !errors.Is(err, item.ErrUnavailable) {
		t.Errorf("doctor is told %v", err)
	}
	for round := range 2 {
		free()
		poll.Until(t, "a change that is taken when there is room", func() bool { return put("room"+strconv.Itoa(round)) == nil })
		if round == 0 { // a disk that is full once more
			free = smalldisk.Fill(t, dir)
			poll.Until(t, "a refusal again", func() bool { n++; return put("full"+strconv.Itoa(n)) != nil })
		}
	}
	if err := c.CheckStores(t.Context()); err != nil || !c.Stores() {
		t.Errorf("doctor is told %v", err)
	}
	handled := &sync.Map{}
	consume(t, bus.ConsumerConfig{Conn: c, Handle: func(_ context.Context, batch []bus.Task) []error {
		for _, task := range batch {
			handled.Store(task.Change.Entity.ID, true)
		}
		return make([]error, len(batch))
	}})
	for _, id := range acked {
		poll.Until(t, id+" handled, which was acknowledged", func() bool { _, ok := handled.Load(id); return ok })
	}
}

// guard runs Guard until the test ends.
func guard(t *testing.T, c *bus.Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Guard(ctx, func(context.Context) error { return nil }) }()
	t.Cleanup(func() {
		cancel()
		receive(t, "the end of Guard", ended)
	})
}

// TestAFullDiskOfOneOfThree fills the disk of one server of a cluster, and proves that work goes on with the others, that nothing
// acknowledged is lost, and that a restart brings the server back once there is room.
func TestAFullDiskOfOneOfThree(t *testing.T) {
	long.Only(t)
	dir := smalldisk.Mount(t, "64m")
	const of = 0
	cluster := bustest.StartCluster(t, 3, func(i int, o *server.Options) {
		o.JetStreamMaxStore = 8 << 30
		if i == of {
			o.StoreDir = filepath.Join(dir, "nats")
		}
	})
	l := newLoad(t, dialCluster(t, cluster, 3), dialCluster(t, cluster, 3))
	l.settle("the start")
	free := smalldisk.Fill(t, dir)
	poll.Until(t, "the end of its JetStream", func() bool { return !cluster.Server(of).JetStreamEnabled() })
	l.settle("a full disk of one server")
	free()
	cluster.Stop(of)
	cluster.Start(of)
	cluster.Await()
	l.settle("it is back")
}
