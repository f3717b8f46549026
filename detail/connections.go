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
	keptHead         = 4 << 10 // bytes of a head whose memory stays with an idle connection
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
	most  int
	freed chan struct{} // has a token when one was closed

	mu      sync.Mutex // guards all below
	open    map[*hotConn]struct{}
	evicted int64
}

func newConnections(most int) *connections {
	return &connections{most: cmp.Or(most, defaultConnections()), freed: make(chan struct{}, 1), open: map[*hotConn]struct{}{}}
}

func (s *connections) add(c *hotConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = struct{}{}
}

func (s *connections) remove(c *hotConn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	s.wake()
}

// wake has who waits for room look again.
func (s *connections) wake() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
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

// room reports whether one more may be opened. Where there was no room, it has closed the connection that waited
// longest, if any does.
func (s *connections) room() bool {
	s.mu.Lock()
	full := len(s.open) >= s.most
	s.mu.Unlock()
	return !full || s.evict()
}

// evict closes the connection that waited longest, if any does.
func (s *connections) evict() bool {
	s.mu.Lock()
	c := s.longest()
	if c != nil {
		delete(s.open, c)
		s.evicted++
	}
	s.mu.Unlock()
	if c == nil {
		return false
	}
	_ = c.Conn.Close() // net/http sees it end
	return true
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

// Accept waits until there is room for a connection, and then for the connection.
func (l hotListener) Accept() (net.Conn, error) {
	open := l.server.open
	for !l.server.draining.Load() && !open.room() {
		select {
		case <-open.freed:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		l.failed(err)
		return nil, err
	}
	c := &hotConn{Conn: conn, server: l.server, remote: conn.RemoteAddr().String()}
	c.waiting.Store(time.Now().UnixNano())
	open.add(c)
	return c, nil
}

// failed makes room where the process has no descriptor left. net/http tries again.
func (l hotListener) failed(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	for range evictSample {
		l.server.open.evict()
	}
	if due, _ := l.server.noFiles.due(time.Now()); due {
		l.server.Log.Error("no descriptor is left for a connection: raise the limit of open files, or lower --max-connections", "error", err)
	}
}

func (l hotListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
