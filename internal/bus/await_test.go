package bus_test

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/freeaddr"
)

// TestAFreshCluster proves that workers wait when they are all started before the servers of a cluster have found
// each other.
func TestAFreshCluster(t *testing.T) {
	t.Parallel() // the servers take seconds to find each other
	const size = 3
	routes, ports := make([]*url.URL, size), make([]int, size)
	for i := range routes {
		routes[i] = &url.URL{Scheme: "nats", Host: freeaddr.Of(t)}
		ports[i], _ = strconv.Atoi(routes[i].Port())
	}
	member := func(i int) string {
		s := outside(t, func(o *server.Options) {
			o.ServerName = "n" + strconv.Itoa(i)
			o.Routes = routes
			o.Cluster = server.ClusterOpts{Name: "C", Host: "127.0.0.1", Port: ports[i]}
		})
		return s.ClientURL()
	}
	address := member(0)
	group, ctx := errgroup.WithContext(t.Context())
	awaiting := make(chan struct{}, 4)
	for range cap(awaiting) {
		group.Go(func() error {
			c, err := bus.Dial(ctx, bus.Config{URL: address, Away: true})
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.Ensure(ctx); err == nil {
				t.Error("one server of three took the streams: this test proves nothing")
			}
			awaiting <- struct{}{}
			return c.Await(ctx)
		})
	}
	for range cap(awaiting) {
		receive(t, "a worker that waits", awaiting)
	}
	for i := 1; i < size; i++ {
		member(i)
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// TestATakenPort proves that an embedded NATS fails at once where another process listens, and not only after half a
// minute.
func TestATakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second) // less than the time that the server has to become ready
	defer cancel()
	_, err = bus.Embed(ctx, bus.EmbedConfig{Dir: t.TempDir(), Addr: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}
