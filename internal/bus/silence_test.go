package bus_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
	"vitrine/internal/testlog"
)

// TestASilentNATSIsAskedAgain proves that missed heartbeats, as on a machine short of CPU, do not break off
// consuming, and that it goes on when NATS answers again.
func TestASilentNATSIsAskedAgain(t *testing.T) {
	t.Parallel() // four seconds pass before heartbeats count as missed
	server := embed(t, t.TempDir(), "127.0.0.1:0")
	line := newLine(t, strings.TrimPrefix(server.URL(), "nats://"))
	log := &testlog.Buffer{}
	handled := make(chan string, 1)
	consume(t, bus.ConsumerConfig{
		Conn: dial(t, bus.Config{URL: "nats://" + line.address, Log: slog.New(slog.NewTextHandler(log, nil))}),
		Log:  slog.New(slog.NewTextHandler(log, nil)),
		Handle: func(_ context.Context, batch []bus.Task) []error {
			handled <- batch[0].Change.Entity.ID
			return make([]error, len(batch))
		},
	})
	upstream := dial(t, bus.Config{Server: server})
	publish(t, upstream, change(item.High, "1"))
	receive(t, "a change before the silence", handled)
	line.silent.Lock()
	poll.Until(t, "heartbeats are missed", func() bool { return strings.Contains(log.String(), "NATS was silent") })
	line.silent.Unlock()
	publish(t, upstream, change(item.High, "2"))
	receive(t, "a change after the silence", handled)
	if strings.Contains(log.String(), "broken off") {
		t.Errorf("the log mentions a connection that was broken off: %s", log.String())
	}
}

// line forwards between a server and its clients. While it is silent, it holds back what the server sends.
type line struct {
	address string
	silent  sync.Mutex
}

func newLine(t *testing.T, target string) *line {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{address: listener.Addr().String()}
	var passing sync.WaitGroup
	t.Cleanup(passing.Wait)
	t.Cleanup(func() { listener.Close() })
	passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			passing.Go(func() {
				_, _ = io.Copy(server, client)
				server.Close()
			})
			passing.Go(func() {
				_, _ = io.Copy(l.towards(client), server)
				client.Close()
			})
		}
	})
	return l
}

func (l *line) towards(client net.Conn) io.Writer {
	return writer(func(b []byte) (int, error) {
		l.silent.Lock()
		defer l.silent.Unlock()
		return client.Write(b)
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
