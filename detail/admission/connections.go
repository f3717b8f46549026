package admission

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

const (
	mostConnections  = 20_000 // by default, where the process may open as many files
	leastConnections = 64
	reservedFiles    = 64 // descriptors for all else: stores, upstreams, logs
	evictSample      = 32
	retryEvery       = 5 * time.Millisecond // while a new connection waits for room
	warnEvery        = time.Second
)

// defaultConnections is the number of connections that may be open at once. It leaves an eighth of the process's
// descriptors, and reservedFiles more, for all else.
func defaultConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return leastConnections
	}
	limit := min(files.Cur, 8*mostConnections) // it may be "unlimited"
	return min(mostConnections, max(leastConnections, int(limit-limit/8)-reservedFiles))
}

// Connections bounds the number of open connections. Where there is no room for a new one, the connection that has
// waited longest for a request is closed: an idle connection must not keep a visitor out.
type Connections struct {
	most int
	log  *slog.Logger
	warn rate.Sometimes // that no descriptor is left

	mu      sync.Mutex // guards all below
	open    map[*Conn]struct{}
	evicted int64
}

// newConnections makes a bound of most connections; 0 derives it from the limit of open files.
func newConnections(most int, log *slog.Logger) *Connections {
	return &Connections{
		most: cmp.Or(most, defaultConnections()),
		log:  log,
		warn: rate.Sometimes{Interval: warnEvery},
		open: map[*Conn]struct{}{},
	}
}

// Count is the number of open connections.
func (s *Connections) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Evicted is the number of connections that were closed to make room for others.
func (s *Connections) Evicted() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.evicted
}

// Busy reports whether a request is under way on any connection.
func (s *Connections) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if c.waiting.Load() == 0 {
			return true
		}
	}
	return false
}

// admit adds a connection, and reports whether there is room for it. It evicts another where there is none.
func (s *Connections) admit(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.most && !s.evict() {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Connections) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// evict closes a connection that has waited long, and reports whether there was one. It is called with mu held.
func (s *Connections) evict() bool {
	c := s.longest()
	if c == nil {
		return false
	}
	delete(s.open, c)
	s.evicted++
	_ = c.Conn.Close() // net/http sees it end
	return true
}

// shrink closes some of the connections that wait.
func (s *Connections) shrink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range evictSample {
		s.evict()
	}
}

// longest is the connection that has waited longest among a sample, or among all where none of the sample waits. It
// is called with mu held.
func (s *Connections) longest() (longest *Conn) {
	var since int64
	seen := 0
	for c := range s.open { // in random order
		if at := c.waiting.Load(); at != 0 && (longest == nil || at < since) {
			longest, since = c, at
		}
		seen++
		if seen >= evictSample && longest != nil {
			break
		}
	}
	return longest
}

// Conn is a connection that counts against the bound until its server reports that it is closed.
type Conn struct {
	net.Conn
	bound   *Connections
	waiting atomic.Int64 // for a request, since when in unix ns; 0 while one is under way
}

// NetConn is the connection that c wraps.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Waiting notes that the connection waits for a request since a time, and may be evicted.
func (c *Conn) Waiting(since time.Time) { c.waiting.Store(since.UnixNano()) }

// Busy notes that a request is under way.
func (c *Conn) Busy() { c.waiting.Store(0) }

// SetState follows http.Server.ConnState.
func (c *Conn) SetState(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.Busy()
	case http.StateIdle:
		c.Waiting(time.Now())
	case http.StateClosed, http.StateHijacked:
		c.bound.remove(c)
	}
}

// Listener accepts connections within the bound.
type Listener struct {
	net.Listener
	bound     *Connections
	closed    chan struct{}
	closeOnce sync.Once
}

// Listen wraps a listener.
func (s *Connections) Listen(l net.Listener) *Listener {
	return &Listener{Listener: l, bound: s, closed: make(chan struct{})}
}

// Accept waits for a connection, and then until there is room for it. The connection is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		l.failed(err)
		return nil, err
	}
	c := &Conn{Conn: conn, bound: l.bound}
	c.Waiting(time.Now())
	for !l.bound.admit(c) {
		select {
		case <-time.After(retryEvery):
		case <-l.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
	return c, nil
}

// failed makes room where the process has no descriptor left. net/http tries again.
func (l *Listener) failed(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	l.bound.shrink()
	l.bound.warn.Do(func() {
		l.bound.log.Error("no descriptor is left for a connection: raise the limit of open files, or lower --max-connections", "error", err)
	})
}

// Close closes the listener, and ends an Accept that waits for room.
func (l *Listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
