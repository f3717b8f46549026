package fastpath

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config configures a Path. Prepare is required, and so are the times.
type Config struct {
	// Prepare returns the Responder for requests with these header fields; nil leaves them to net/http. It is called when
	// the fields of a connection's requests change, which is seldom.
	Prepare func(Fields) Responder
	// Log is called after each request that was answered here; nil for none.
	Log          func(Record)
	WriteTimeout time.Duration // of one response
	IdleTimeout  time.Duration // between two requests
	MaxQuery     int           // bytes of a query; a request with a longer one is left to net/http
}

// Fields are the header fields that a Responder may depend on. A request that repeats one of them, or has another field that changes
// the response, is left to net/http.
type Fields struct {
	AcceptEncoding      []string // at most one
	AvailableDictionary []string
	IfNoneMatch         string // "" for none
	UserAgent           string
	Referer             string
	ForwardedFor        []string // for the log alone
}

// Responder returns the response to GET of an escaped path. ok reports whether there is one; if not, net/http makes it. The Responder
// must not keep the path: the next request overwrites its memory.
type Responder func(path string, now time.Time) (r Response, ok bool)

// Response is a response that is ready to be sent. Neither slice may be changed.
type Response struct {
	Status int
	Head   []byte // status line and fields, without Date and the empty line
	Body   []byte
}

// Record describes a request that was answered here.
type Record struct {
	Remote, Target string
	Fields         Fields
	Status, Bytes  int
	At             time.Time
}

// Tracker is notified when a connection waits for a request, and when a request is under way. net/http notifies it by SetState; Waiting and Busy
// are called for requests that net/http does not see.
type Tracker interface {
	Waiting(since time.Time)
	Busy()
	SetState(http.ConnState)
}

// Path makes connections that answer from memory. It is safe for concurrent use.
type Path struct {
	config  Config
	dates   atomic.Pointer[dateLine]
	buffers sync.Pool // of *[]byte: responses being written
}

// New makes a Path.
func New(c Config) *Path {
	p := &Path{config: c}
	p.buffers.New = func() any { return new([]byte) }
	return p
}

// Conn wraps a connection that was just accepted. conn must not be wrapped itself: head and body are written to it in one system call.
func (p *Path) Conn(conn net.Conn, tracker Tracker) *Conn {
	return &Conn{Conn: conn, path: p, tracker: tracker, remote: conn.RemoteAddr().String()}
}

// dateLine is the line "Date: …\r\n" of one second.
type dateLine struct {
	second int64
	line   []byte
}

func (p *Path) date(now time.Time) []byte {
	second := now.Unix()
	if d := p.dates.Load(); d != nil && d.second == second {
		return d.line
	}
	d := &dateLine{second, []byte("Date: " + now.UTC().Format(http.TimeFormat) + "\r\n")}
	p.dates.Store(d)
	return d.line
}
