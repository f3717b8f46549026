package bustest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyTime is how long a server may take to start, on a machine that has no time for it.
const readyTime = time.Minute

// Run runs a server that is not embedded, on a free port of loopback, with JetStream in the test's folder. change may alter its
// options first: users, TLS, leaf nodes. It ends with the test.
func Run(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	change(options)
	s := start(t, options)
	t.Cleanup(func() { stop(s) })
	return s
}

func start(t testing.TB, options *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(readyTime) {
		stop(s)
		t.Fatal("NATS is not ready")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}
