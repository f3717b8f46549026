package detail

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	accessBuffer = 256 << 10
	accessFlush  = time.Second
	accessTime   = "02/Jan/2006:15:04:05 -0700"
)

// AccessLog writes a line for each request, in the combined format that web servers share. Lines are gathered and
// written once a second, or when there are many. It is safe for concurrent use.
type AccessLog struct {
	log *slog.Logger

	mu     sync.Mutex // guards all below
	out    *bufio.Writer
	second int64
	stamp  []byte // of that second
	failed bool
}

// NewAccessLog makes a log; Run flushes it.
func NewAccessLog(w io.Writer, log *slog.Logger) *AccessLog {
	return &AccessLog{log: log, out: bufio.NewWriterSize(w, accessBuffer)}
}

// Run writes what was gathered, every second until ctx ends.
func (a *AccessLog) Run(ctx context.Context) error {
	tick := time.NewTicker(accessFlush)
	defer tick.Stop()
	defer a.flush()
	for {
		select {
		case <-tick.C:
			a.flush()
		case <-ctx.Done():
			return nil
		}
	}
}

// flush tells once that the log can't be written; requests go on.
func (a *AccessLog) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.out.Flush(); err != nil && !a.failed {
		a.failed = true
		a.log.Error("the access log can't be written", "error", err)
	}
}

// accessLine is what a line says. Texts of the visitor are escaped when they are written.
type accessLine struct {
	remote, method, target, proto, referer, agent string
	status, bytes                                 int
}

// write adds a line. A nil log drops it.
func (a *AccessLog) write(l accessLine, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if second := now.Unix(); second != a.second {
		a.second, a.stamp = second, now.AppendFormat(a.stamp[:0], accessTime)
	}
	b := a.out.AvailableBuffer()
	b = appendPlain(b, l.remote)
	b = append(append(append(b, " - - ["...), a.stamp...), "] \""...)
	b = append(appendPlain(b, l.method), ' ')
	b = append(appendPlain(b, l.target), ' ')
	b = append(appendPlain(b, l.proto), "\" "...)
	b = append(strconv.AppendInt(b, int64(l.status), 10), ' ')
	b = append(strconv.AppendInt(b, int64(l.bytes), 10), " \""...)
	b = append(appendPlain(b, orDash(l.referer)), "\" \""...)
	b = append(appendPlain(b, orDash(l.agent)), "\"\n"...)
	_, _ = a.out.Write(b) // flush tells
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appendPlain escapes what could end a field or a line.
func appendPlain(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// logRequest writes a request that net/http answered.
func (s *Server) logRequest(r *http.Request, status, bytes int) {
	if s.Access != nil {
		s.Access.write(accessLine{r.RemoteAddr, r.Method, r.RequestURI, r.Proto, r.Referer(), r.UserAgent(), status, bytes}, time.Now())
	}
}
