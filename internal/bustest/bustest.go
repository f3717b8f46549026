// Package bustest runs a NATS server within a test's process.
package bustest

import (
	"testing"

	"vitrine/internal/bus"
)

// Start runs a server on a free port of loopback, whose files lie in the test's folder, and connects to it. Its streams and buckets
// are there. Both end with the test.
func Start(t testing.TB) (*bus.Server, *bus.Conn) {
	t.Helper()
	server, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	conn, err := bus.Dial(t.Context(), bus.Config{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, conn
}
