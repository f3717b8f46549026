package pagecache

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// MaxBody bounds the body of an entry, in bytes before compression. A longer page is made anew for each request.
const MaxBody = 512 << 10

// Page is a page before it is compressed.
type Page struct {
	Status int
	Type   string        // Content-Type
	ETag   string        // weak and quoted
	Header http.Header   // all fields but Content-Type, Content-Encoding, Content-Length and Date
	Size   int           // of the body before it is compressed
	MaxAge time.Duration // how long it is kept; 0 for as long as it is valid
}

// Entry is a page as it is sent. It is never changed once it is in the cache; a new Entry replaces it.
type Entry struct {
	Page
	fields      []byte     // Header as it is sent
	plain       [Dcz]coded // by coding
	dczs        []coded    // by dictionary, up to perPage
	notModified []byte     // the same for a 304

	version uint64 // of the catalog and the templates
	changes uint64 // before its parts were read
	expires int64  // unix ns; 0 for never
	valid   Validity
}

// coded is a body in one encoding; none where body is nil.
type coded struct {
	dictionary *Dictionary
	body       []byte
	head       []byte // status line and header fields as they are sent, without Date and the empty line
}

// Validity reports whether a page's parts are still those that it was made of.
type Validity interface {
	Holds(now time.Time) bool
	Size() int // of the Validity itself, in bytes, roughly
}

// NewEntry makes an Entry that has no body yet.
func NewEntry(p Page) *Entry {
	var fields bytes.Buffer
	_ = p.Header.Write(&fields) // a bytes.Buffer takes all
	e := &Entry{Page: p, fields: fields.Bytes()}
	e.notModified = e.head(http.StatusNotModified, 0)
	return e
}

// head returns a status line and the entry's header fields as they are sent, without the empty line, with room for more.
func (e *Entry) head(status, room int) []byte {
	line := statusLine(status)
	return append(append(make([]byte, 0, len(line)+len(e.fields)+room), line...), e.fields...)
}

func statusLine(status int) string {
	if status == http.StatusOK {
		return "HTTP/1.1 200 OK\r\n"
	}
	return "HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n"
}

// Add adds the body in an encoding. The entry must not be in a cache yet.
func (e *Entry) Add(by Encoding, body []byte) {
	head := e.head(e.Status, 128)
	head = append(append(append(head, "Content-Type: "...), e.Type...), "\r\n"...)
	head = append(strconv.AppendInt(append(head, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	if by.Coding != Identity {
		head = append(append(append(head, "Content-Encoding: "...), by.Coding.Name()...), "\r\n"...)
	}
	one := coded{by.Dictionary, body, head}
	if by.Coding != Dcz {
		e.plain[by.Coding] = one
		return
	}
	e.dczs = slices.DeleteFunc(e.dczs, func(old coded) bool { return old.dictionary == by.Dictionary })
	if len(e.dczs) == perPage {
		e.dczs = e.dczs[1:]
	}
	e.dczs = append(e.dczs, one)
}

// AddAll adds the bodies of another entry of the same page. The entry must not be in a cache yet.
func (e *Entry) AddAll(old *Entry) {
	for c, one := range old.plain {
		if one.body != nil {
			e.Add(Encoding{Coding: Coding(c)}, one.body)
		}
	}
	for _, one := range old.dczs {
		e.Add(Encoding{Dcz, one.dictionary}, one.body)
	}
}

// Codings names the codings that the entry has bodies in, as in Accept-Encoding. Those with a dictionary are left out.
func (e *Entry) Codings() (names []string) {
	for c, one := range e.plain {
		if one.body != nil {
			names = append(names, cmp.Or(Coding(c).Name(), "identity"))
		}
	}
	return names
}

// BodyFor returns the shortest body that was made yet of those that a visitor accepts, and its encoding; nil where there is none.
func (e *Entry) BodyFor(encoder *Encoder, accepts Accepts) (Encoding, []byte) {
	by, one := e.in(encoder.Allow(accepts, e.Type, e.Size))
	return by, one.body
}

// Wire returns head and body as they are sent, of the encoding that BodyFor names, the head without Date and the empty line; nil where
// there is none.
func (e *Entry) Wire(allowed Allowed) (head, body []byte) {
	_, one := e.in(allowed)
	return one.head, one.body
}

func (e *Entry) in(allowed Allowed) (by Encoding, best coded) {
	switch {
	case allowed.dictionary != nil:
		by = Encoding{Dcz, allowed.dictionary}
		if i := slices.IndexFunc(e.dczs, func(one coded) bool { return one.dictionary == by.Dictionary }); i >= 0 {
			best = e.dczs[i]
		}
	case allowed.codings == 0:
		best = e.plain[Identity]
	default:
		for c, one := range e.plain {
			if one.body != nil && allowed.codings.has(Coding(c)) && (best.body == nil || len(one.body) < len(best.body)) {
				by, best = Encoding{Coding: Coding(c)}, one
			}
		}
	}
	return by, best
}

// NotModified returns the head of a 304, without Date and the empty line.
func (e *Entry) NotModified() []byte { return e.notModified }

// expired reports whether the entry is older than its MaxAge.
func (e *Entry) expired(now time.Time) bool { return e.expires != 0 && now.UnixNano() >= e.expires }

// cost estimates the bytes that the entry takes in memory.
func (e *Entry) cost() int64 {
	n := entryOverhead + e.valid.Size()
	for _, one := range e.plain {
		n += len(one.body) + len(one.head)
	}
	for _, one := range e.dczs {
		n += len(one.body) + len(one.head)
	}
	return int64(n)
}
