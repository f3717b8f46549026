package detail

import (
	"bytes"
	"strings"
)

// memo is what the header fields of a request say, kept for the next one: most requests of a connection have the
// same.
type memo struct {
	fields  []byte // as they were sent, from the line after the request's on
	hot     bool   // nothing in them keeps the request from being answered from memory
	accepts accepts
	have    string // If-None-Match
	agent   string
	crawler bool // by its own word
	referer string
}

// tokens are the bytes that names of header fields consist of, values those of a plain value.
var tokens, values = func() (tokens, values [256]bool) {
	for c := range 256 {
		tokens[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		values[c] = c >= ' ' && c < 0x7f || c == '\t'
	}
	return tokens, values
}()

// plainHead tells whether a head is that of a request without a body, in a form that leaves no doubt about where it
// ends. Whether it makes sense is net/http's to say.
func plainHead(head []byte) bool {
	line, fields, ok := bytes.Cut(head, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(line, []byte("GET ")) && !bytes.HasPrefix(line, []byte("HEAD ")) ||
		!bytes.HasSuffix(line, []byte(" HTTP/1.1")) && !bytes.HasSuffix(line, []byte(" HTTP/1.0")) {
		return false
	}
	for _, c := range line {
		if !values[c] {
			return false
		}
	}
	return eachField(fields, func(name, _ []byte) bool {
		return !oneOf(name, framing)
	})
}

// framing are header fields that move the end of a request, or of HTTP itself; own are those that net/http, or the
// handlers behind it, answer in their own way.
var (
	framing = []string{"Content-Length", "Transfer-Encoding", "Trailer", "Upgrade", "Expect"}
	own     = []string{"Range", "If-Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since"}
)

func oneOf(name []byte, names []string) bool {
	for _, n := range names {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

// eachField calls f for each header field until one is odd or f says so. fields end with an empty line.
func eachField(fields []byte, f func(name, value []byte) bool) bool {
	for {
		line, rest, ok := bytes.Cut(fields, []byte("\r\n"))
		switch {
		case !ok:
			return false
		case len(line) == 0:
			return len(rest) == 0
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 {
			return false
		}
		for _, c := range name {
			if !tokens[c] {
				return false
			}
		}
		for _, c := range value {
			if !values[c] {
				return false
			}
		}
		if !f(name, bytes.Trim(value, " \t")) {
			return false
		}
		fields = rest
	}
}

// take reads header fields into the memo, unless it holds the same.
func (m *memo) take(fields []byte) {
	if bytes.Equal(m.fields, fields) {
		return
	}
	if len(fields) > keptHead { // it would stay with an idle connection
		*m = memo{}
		return
	}
	*m = memo{fields: append(m.fields[:0], fields...)}
	hosts, encodings, conditions := 0, 0, 0
	var accept []string
	m.hot = eachField(m.fields, func(name, value []byte) bool {
		switch {
		case equalFold(name, "Host"):
			hosts++
			return plainHost(value)
		case equalFold(name, "Connection"):
			return equalFold(value, "keep-alive")
		case equalFold(name, "Accept-Encoding"):
			encodings++
			accept = []string{string(value)}
		case equalFold(name, "If-None-Match"):
			conditions++
			m.have = string(value)
		case equalFold(name, "User-Agent"):
			m.agent = string(value)
			m.crawler = saysCrawler(m.agent)
		case equalFold(name, "Referer"):
			m.referer = string(value)
		default:
			return !oneOf(name, framing) && !oneOf(name, own)
		}
		return true
	})
	m.hot = m.hot && hosts == 1 && encodings <= 1 && conditions <= 1
	m.accepts = accepting(accept)
}

func plainHost(host []byte) bool {
	for _, c := range host {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == ':' || c == '_') {
			return false
		}
	}
	return len(host) > 0
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

// target cuts the target out of a request line "GET TARGET HTTP/1.1"; "" where it is another one, or the target is
// not plain. The query is left out: pages have no parameters.
func target(line []byte) []byte {
	line, ok := bytes.CutPrefix(line, []byte("GET "))
	if !ok {
		return nil
	}
	if line, ok = bytes.CutSuffix(line, []byte(" HTTP/1.1")); !ok {
		return nil
	}
	query := len(line)
	for i, c := range line {
		switch {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '-' || c == '.' || c == '_' || c == '~' || c == '%':
		case c == '?' && query == len(line):
			query = i
		case i > query && (c == '=' || c == '&' || c == '+' || c == ','):
		default:
			return nil
		}
	}
	if len(line)-query > maxQuery {
		return nil
	}
	return line[:query]
}
