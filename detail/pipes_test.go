package detail_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"vitrine/detail"
)

// pipes is a listener without a network. Goroutines that wait for its connections are durably blocked, so that time
// in a bubble of testing/synctest can advance.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// openInBubble is open for a test in a synctest bubble.
func openInBubble(t testing.TB, change ...func(*detail.Config)) *shop {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	return openAt(t, p, p.dial, change...)
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
