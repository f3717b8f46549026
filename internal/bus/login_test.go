package bus_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bus"
	"vitrine/internal/poll"
)

// outside runs a NATS server that is not embedded.
func outside(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	change(options)
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("NATS is not ready")
	}
	return s
}

// door authenticates clients or refuses them, and counts the refusals.
type door struct {
	shut    atomic.Bool
	refused atomic.Int64
}

func (d *door) Check(server.ClientAuthentication) bool {
	if d.shut.Load() {
		d.refused.Add(1)
	}
	return !d.shut.Load()
}

// TestRefusedLogInsEndNothing changes a password at NATS first, and only later at the clients, or changes it back. No
// client may give up.
func TestRefusedLogInsEndNothing(t *testing.T) {
	t.Parallel()
	d := &door{}
	s := outside(t, func(o *server.Options) { o.CustomClientAuthentication = d })
	c := dial(t, bus.Config{URL: s.ClientURL()})
	d.shut.Store(true)
	connz, err := s.Connz(nil)
	if err != nil || len(connz.Conns) != 1 {
		t.Fatalf("%v, error %v; want no error, 1 of them", connz, err)
	}
	if err := s.DisconnectClientByID(connz.Conns[0].Cid); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "four refused log-ins", func() bool { return d.refused.Load() > 3 })
	d.shut.Store(false)
	poll.Until(t, "a connection", c.Connected)
	publish(t, c, change("normal", "1"))
}
