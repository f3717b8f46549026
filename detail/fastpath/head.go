package fastpath

import (
	"bytes"
	"slices"
	"strings"
)

var crlf = []byte("\r\n")

// tokenBytes are the bytes that the name of a header field may have; textBytes those of a plain value.
var tokenBytes, textBytes = byteClasses()

func byteClasses() (token, text [256]bool) {
	for c := range 256 {
		token[c] = isAlphanumeric(byte(c)) || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		text[c] = c >= ' ' && c < 0x7f || c == '\t'
	}
	return token, text
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// headEnd returns the length of the head that b begins with, 0 if its end has not arrived yet. The first seen bytes were searched before.
// As for net/http, a line may end without a carriage return.
func headEnd(b []byte, seen int) int {
	for i := max(0, seen-3); i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '\n' {
			return i + 2
		}
		if i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n' {
			return i + 3
		}
	}
	return 0
}

// plainHead reports whether a head is that of a request without a body, in a form that leaves no doubt about where it ends. Whether the
// request is valid is left to net/http.
func plainHead(head []byte) bool {
	line, fields, ok := bytes.Cut(head, crlf)
	if !ok || !bytes.HasPrefix(line, []byte("GET ")) && !bytes.HasPrefix(line, []byte("HEAD ")) ||
		!bytes.HasSuffix(line, []byte(" HTTP/1.1")) && !bytes.HasSuffix(line, []byte(" HTTP/1.0")) {
		return false
	}
	return consistsOf(line, &textBytes) && eachField(fields, func(name, _ []byte) bool {
		return !isOneOf(name, framingFields)
	})
}

// framingFields move the end of a request, or end HTTP on the connection. conditionFields change the response in ways that only the
// handlers behind net/http know.
var (
	framingFields   = []string{"Content-Length", "Transfer-Encoding", "Trailer", "Upgrade", "Expect"}
	conditionFields = []string{"Range", "If-Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since"}
)

func isOneOf(name []byte, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return equalFold(name, n) })
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }

func consistsOf(b []byte, class *[256]bool) bool {
	for _, c := range b {
		if !class[c] {
			return false
		}
	}
	return true
}

// eachField calls f for each header field; fields end with an empty line. It stops and reports false if a field is malformed, or f reports
// false.
func eachField(fields []byte, f func(name, value []byte) bool) bool {
	for {
		line, following, ok := bytes.Cut(fields, crlf)
		switch {
		case !ok:
			return false
		case len(line) == 0:
			return len(following) == 0
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || !consistsOf(name, &tokenBytes) || !consistsOf(value, &textBytes) {
			return false
		}
		if !f(name, bytes.Trim(value, " \t")) {
			return false
		}
		fields = following
	}
}

// target returns the path of a request line "GET TARGET HTTP/1.1", without the query, since pages have no parameters. It returns nil if
// the line has another form, the target has an unusual character, or the query is longer than maxQuery bytes.
func target(line []byte, maxQuery int) []byte {
	line, ok := bytes.CutPrefix(line, []byte("GET "))
	if !ok {
		return nil
	}
	line, ok = bytes.CutSuffix(line, []byte(" HTTP/1.1"))
	if !ok {
		return nil
	}
	query := len(line)
	for i, c := range line {
		switch {
		case isAlphanumeric(c), c == '/', c == '-', c == '.', c == '_', c == '~', c == '%':
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
