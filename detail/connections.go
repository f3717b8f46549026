package detail

import (
	"cmp"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	connectionsMost  = 20_000 // by default, where the process may open as many files
	connectionsLeast = 64
	filesKept        = 64 // descriptors for all else: stores, upstreams, logs
	evictSample      = 32
	roomEvery        = 5 * time.Millisecond // is looked for a connection that waits, while none does
	keptHead         = 4 << 10              // bytes of a head whose memory stays with an idle connection
)

// defaultConnections is how many connections are open at once, so that an eighth of the process's descriptors and some
// more stay for all else.
func defaultConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return connectionsLeast
	}
	most := min(files.Cur, 8*connectionsMost) // a limit may be "none"
	return min(connectionsMost, max(connectionsLeast, int(most-most/8)-filesKept))
}

// connections bounds how many connections are open. Where there is no room for the next, the one that has waited the
// longest for a request is closed: to keep a connection open that nobody uses must not keep anybody out.
type connections struct {
	most int

	mu      sync.Mutex // guards all below
	open    map[*hotConn]struct{}
	evicted int64
}

func newConnections(most int) *connections {
	return &connections{most: cmp.Or(most, defaultConnections()), open: map[*hotConn]struct{}{}}
}

func (s *connections) remove(c *hotConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *connections) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *connections) evictions() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.evicted
}

// busy reports whether a request is under way on any connection.
func (s *connections) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if c.waiting.Load() == 0 {
			return true
		}
	}
	return false
}

// admit adds a connection, and reports whether there is room for it. Where there was none, the connection that waited
// longest is closed, if any does.
func (s *connections) admit(c *hotConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.most && !s.evict() {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

// evict closes the connection that waited longest, if any does. It is called with mu held.
func (s *connections) evict() bool {
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
func (s *connections) shrink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range evictSample {
		s.evict()
	}
}

// longest is the connection that has waited the longest of a sample, or of all where none of the sample waits. It is
// called with mu held.
func (s *connections) longest() (longest *hotConn) {
	var since int64
	seen := 0
	for c := range s.open { // in random order
		if at := c.waiting.Load(); at != 0 && (longest == nil || at < since) {
			longest, since = c, at
		}
		if seen++; seen >= evictSample && longest != nil {
			break
		}
	}
	return longest
}

// hotListener makes the connections that it accepts answer from memory.
type hotListener struct {
	net.Listener
	server *Server
	closed chan struct{}
	once   *sync.Once // closes closed
}

func newHotListener(l net.Listener, s *Server) hotListener {
	return hotListener{Listener: l, server: s, closed: make(chan struct{}), once: &sync.Once{}}
}

// Accept waits for a connection, and then until there is room for it.
func (l hotListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		l.failed(err)
		return nil, err
	}
	c := &hotConn{Conn: conn, server: l.server, remote: conn.RemoteAddr().String()}
	c.waiting.Store(time.Now().UnixNano())
	for !l.server.open.admit(c) {
		select {
		case <-time.After(roomEvery):
		case <-l.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
	return c, nil
}

// failed makes room where the process has no descriptor left. net/http tries again.
func (l hotListener) failed(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	l.server.open.shrink()
	if due, _ := l.server.noFiles.due(time.Now()); due {
		l.server.Log.Error("no descriptor is left for a connection: raise the limit of open files, or lower --max-connections", "error", err)
	}
}

func (l hotListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
