package pagecache

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// MaxBody bounds the body of an entry. A longer page is made anew each time.
const MaxBody = 512 << 10

// Page is a page before it is compressed.
type Page struct {
	Status int
	Type   string        // Content-Type
	ETag   string        // weak and quoted
	Header http.Header   // all fields but Content-Type, Content-Encoding, Content-Length and Date
	Size   int           // of the body before it is compressed
	MaxAge time.Duration // that it is kept; 0 for as long as its parts hold
}

// Entry is a page as it is sent. It is never changed once it is in the cache: another takes its place.
type Entry struct {
	Page
	bodies      [codings][]byte
	heads       [codings][]byte // status line and header fields as they are sent, but for Date and the end
	notModified []byte          // the same of a 304

	version uint64 // of the catalog and the templates
	moves   uint64 // of switches, when its parts were read
	expires int64  // unix ns; 0 for never
	valid   Validity
}

// Validity reports whether a page's parts are still what they were when the page was made.
type Validity interface {
	Holds(now time.Time) bool
	Size() int // in bytes, roughly
}

// NewEntry makes an entry without bodies.
func NewEntry(p Page) *Entry {
	e := &Entry{Page: p}
	e.notModified = head(http.StatusNotModified, p.Header)
	return e
}

// head writes a status line and header fields.
func head(status int, h http.Header) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(&b) // a bytes.Buffer takes all
	return b.Bytes()
}

// Add gives an entry that is not in the cache yet one more body.
func (e *Entry) Add(c Coding, body []byte) {
	h := e.Header.Clone()
	h.Set("Content-Type", e.Type)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c != Identity {
		h.Set("Content-Encoding", c.Name())
	}
	e.bodies[c], e.heads[c] = body, head(e.Status, h)
}

// AddAll adds the bodies of an entry of the same page.
func (e *Entry) AddAll(old *Entry) {
	for c, body := range old.bodies {
		if body != nil {
			e.Add(Coding(c), body)
		}
	}
}

// BodyFor is the body in a coding that the visitor accepts; nil where it was not made yet.
func (e *Entry) BodyFor(encoder *Encoder, accepts Accepts) (Coding, []byte) {
	c := encoder.Pick(accepts, e.Type, e.Size, true)
	return c, e.bodies[c]
}

// Wire is the head and the body as they are sent, but for Date and the end of the head; nil where they were not made.
func (e *Entry) Wire(c Coding) (head, body []byte) { return e.heads[c], e.bodies[c] }

// NotModified is the head of a 304, but for Date and its end.
func (e *Entry) NotModified() []byte { return e.notModified }

// expired reports whether the entry was kept for its MaxAge.
func (e *Entry) expired(now time.Time) bool { return e.expires != 0 && now.UnixNano() >= e.expires }

// cost is about how many bytes the entry takes in memory.
func (e *Entry) cost() int64 {
	n := entryOverhead + e.valid.Size()
	for i := range e.bodies {
		n += len(e.bodies[i]) + len(e.heads[i])
	}
	return int64(n)
}
