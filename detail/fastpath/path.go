package fastpath

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config of a Path. Prepare is needed.
type Config struct {
	// Prepare gives the Responder to requests with these header fields. It is called when the fields of a
	// connection's requests change, which is seldom.
	Prepare func(Fields) Responder
	// Log is called for each request that was answered; nil for none.
	Log          func(Record)
	WriteTimeout time.Duration // of one response
	IdleTimeout  time.Duration // between two requests
	MaxQuery     int           // bytes of a query; a request with more is net/http's
}

// Fields are the header fields that a Responder may depend on. A request that has others of consequence, or one of
// these twice, is net/http's.
type Fields struct {
	AcceptEncoding []string // at most one
	IfNoneMatch    string   // "" for none
	UserAgent      string
	Referer        string
	ForwardedFor   []string // for the log alone
}

// Responder gives the response to GET of an escaped path, or reports that net/http has to make it. It must not keep
// the path, whose memory is overwritten by the next request.
type Responder func(path string, now time.Time) (r Response, ok bool)

// Response is ready to be sent. Neither slice is changed.
type Response struct {
	Status int
	Head   []byte // status line and fields, but for Date and the empty line
	Body   []byte
}

// Record is a request that was answered.
type Record struct {
	Remote, Target string
	Fields         Fields
	Status, Bytes  int
	At             time.Time
}

// Tracker is told when a connection waits for a request, and when one is under way: by net/http through SetState, and
// for requests that net/http does not see by the other two.
type Tracker interface {
	Waiting(since time.Time)
	Busy()
	SetState(http.ConnState)
}

// Path makes connections that answer from memory.
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

// Conn wraps a connection that was just accepted. Reads and writes go to conn itself, so that head and body can be
// written in one system call.
func (p *Path) Conn(conn net.Conn, tracker Tracker) *Conn {
	return &Conn{Conn: conn, path: p, tracker: tracker, remote: conn.RemoteAddr().String()}
}

// dateLine is "Date: …\r\n" of a second.
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
