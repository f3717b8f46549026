package rediskv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinelDialer connects to sentinels, and to the servers that they name. go-redis asks the sentinel that answered first as long as it
// gives an error of its own: one that says nothing, since its machine is gone, uses up the time of each attempt, and no other sentinel is asked.
// So a sentinel that was silent is refused for a while, at once, unless all were.
type sentinelDialer struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	refuse time.Duration // for how long one that was silent is refused

	mu     sync.Mutex
	known  []string             // addresses of sentinels, as given and as connected to
	silent map[string]time.Time // when a sentinel was silent last, by address
}

func newSentinelDialer(sentinels []string, o *redis.Options) *sentinelDialer {
	return &sentinelDialer{
		dial:   redis.NewDialer(o),
		refuse: o.ReadTimeout,
		known:  slices.Clone(sentinels),
		silent: map[string]time.Time{},
	}
}

// Dial is for redis.FailoverOptions.Dialer.
func (d *sentinelDialer) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	isSentinel, refused := d.look(addr)
	if refused {
		return nil, fmt.Errorf("the sentinel %s was silent a moment ago", addr)
	}
	conn, err := d.dial(ctx, network, addr)
	switch {
	case !isSentinel:
		return conn, err
	case err != nil:
		if !errors.Is(err, context.Canceled) { // another sentinel was quicker
			d.hush(addr)
		}
		return nil, err
	}
	d.learn(conn.RemoteAddr().String())
	return &sentinelConn{Conn: conn, silent: func() { d.hush(addr) }}, nil
}

// look reports whether an address is a sentinel's, and whether that was silent lately while another one was not.
func (d *sentinelDialer) look(addr string) (isSentinel, refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	answers := func(addr string) bool { return time.Since(d.silent[addr]) >= d.refuse }
	return slices.Contains(d.known, addr), !answers(addr) && slices.ContainsFunc(d.known, answers)
}

// learn adds the address that a name led to: sentinels name each other by such.
func (d *sentinelDialer) learn(addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.known, addr) {
		d.known = append(d.known, addr)
	}
}

func (d *sentinelDialer) hush(addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent[addr] = time.Now()
}

// sentinelConn is a connection to a sentinel.
type sentinelConn struct {
	net.Conn
	silent func() // called when an answer does not come in time
}

func (c *sentinelConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.silent()
	}
	return n, err
}
