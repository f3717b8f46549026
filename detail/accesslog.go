package detail

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"vitrine/detail/admission"
	"vitrine/internal/redact"
)

const (
	accessBuffer  = 256 << 10 // bytes of lines after which they are written at once
	accessMost    = 1 << 20   // bytes of lines that wait; further lines are dropped
	accessField   = 8 << 10   // bytes of one text in a line
	accessFlush   = time.Second
	accessWarning = time.Minute // between two warnings that lines are dropped
	accessClosing = time.Second // for the last lines, when the server ends
	accessTime    = "02/Jan/2006:15:04:05 -0700"
)

// AccessLog writes a line for each request, in the combined log format. Lines are gathered, and written once a second or when there are
// many. No request waits for the file: while it can't be written, lines beyond a bound are dropped and counted. An
// AccessLog is safe for concurrent use.
type AccessLog struct {
	log     *slog.Logger
	out     *accessOutput
	warn    rate.Sometimes // limits the warnings that lines are dropped
	many    chan struct{}  // signals Run to write now
	dropped atomic.Int64

	mu     sync.Mutex // guards all below
	lines  []byte     // waiting to be written
	second int64      // unix time of stamp
	stamp  []byte     // that second in the log's format
}

// NewAccessLog makes an AccessLog that writes to w; Run does the writing.
func NewAccessLog(w io.Writer, log *slog.Logger) *AccessLog {
	return newAccessLog(&accessOutput{w: w}, log)
}

// OpenAccessLog makes an AccessLog that appends to a file; Run does the writing. If the file is renamed or removed, as logrotate does, it
// is created again. OpenAccessLog fails as opening the file does.
func OpenAccessLog(path string, log *slog.Logger) (*AccessLog, error) {
	out := &accessOutput{path: path}
	if err := out.open(); err != nil {
		return nil, err
	}
	return newAccessLog(out, log), nil
}

func newAccessLog(out *accessOutput, log *slog.Logger) *AccessLog {
	return &AccessLog{log: log, out: out, warn: rate.Sometimes{Interval: accessWarning}, many: make(chan struct{}, 1)}
}

// Run writes the lines until ctx ends, then the last ones, for at most a second, and closes the file. It returns nil.
func (a *AccessLog) Run(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(ended)
		a.writeLines(ctx)
	}()
	<-ctx.Done()
	select {
	case <-ended:
	case <-time.After(accessClosing):
		a.log.Warn("the access log hangs; ending without its last lines")
	}
	a.out.close()
	return nil
}

// writeLines is Run's loop.
func (a *AccessLog) writeLines(ctx context.Context) {
	tick := time.NewTicker(accessFlush)
	defer tick.Stop()
	var spare []byte
	for {
		select {
		case <-tick.C:
		case <-a.many:
		case <-ctx.Done():
			a.flush(spare)
			return
		}
		spare = a.flush(spare)
	}
}

// flush writes the lines that wait. Meanwhile, new lines go to the buffer spare. It returns a buffer to be the next spare.
func (a *AccessLog) flush(spare []byte) []byte {
	a.mu.Lock()
	lines := a.lines
	a.lines = spare[:0]
	a.mu.Unlock()
	unwritten, err := a.out.write(lines)
	if err != nil {
		lost := int64(bytes.Count(unwritten, []byte{'\n'}))
		a.dropped.Add(lost)
		a.warn.Do(func() {
			a.log.Error("the access log can't be written; lines are dropped until it can", "error", err, "dropped", a.dropped.Load())
		})
	}
	return lines
}

// Reopen makes Run open the file again before it writes the next lines.
func (a *AccessLog) Reopen() { a.out.reopen.Store(true) }

// Dropped returns the number of lines that were dropped.
func (a *AccessLog) Dropped() int64 { return a.dropped.Load() }

// accessOutput is where lines go: a writer, or a file that is known by its name. One goroutine writes.
type accessOutput struct {
	path   string // "" for a writer
	reopen atomic.Bool
	w      io.Writer

	mu   sync.Mutex // guards file
	file *os.File
}

// open opens the file. It does not wait for the reader of a named pipe.
func (o *accessOutput) open() error {
	file, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.file, o.w = file, file
	return nil
}

// write writes lines, and returns those that could not be written. After an error the file is closed, and the next write opens it again.
func (o *accessOutput) write(lines []byte) (unwritten []byte, err error) {
	if o.path != "" && (o.w == nil || o.reopen.Swap(false) || o.moved()) {
		o.close()
		if err := o.open(); err != nil {
			return lines, err
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	n, err := o.w.Write(lines)
	if err != nil {
		o.close()
		return lines[n:], fmt.Errorf("write %d bytes: %w", len(lines), err)
	}
	return nil, nil
}

// moved reports whether the open file no longer has the name path.
func (o *accessOutput) moved() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return true
	}
	mine, err := o.file.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(o.path)
	return err != nil || !os.SameFile(mine, named)
}

// close closes the file. That also ends a write to a pipe that hangs.
func (o *accessOutput) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close() // nothing is buffered
		o.file = nil
	}
}

// accessLine is the content of a line, with the visitor's texts unescaped.
type accessLine struct {
	visitor, method, target, proto, referer, agent string
	status, bytes                                  int
}

// write adds a line, with its texts escaped. It drops the line if too many wait, or the log is nil.
func (a *AccessLog) write(l accessLine, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.lines) >= accessMost {
		a.dropped.Add(1)
		return
	}
	if second := now.Unix(); second != a.second {
		a.second, a.stamp = second, now.AppendFormat(a.stamp[:0], accessTime)
	}
	b := a.lines
	b = appendPlain(b, l.visitor)
	b = append(append(append(b, " - - ["...), a.stamp...), "] \""...)
	b = append(appendPlain(b, l.method), ' ')
	b = append(appendPlain(b, l.target), ' ')
	b = append(appendPlain(b, l.proto), "\" "...)
	b = append(strconv.AppendInt(b, int64(l.status), 10), ' ')
	b = append(strconv.AppendInt(b, int64(l.bytes), 10), " \""...)
	b = append(appendPlain(b, orDash(l.referer)), "\" \""...)
	a.lines = append(appendPlain(b, orDash(l.agent)), "\"\n"...)
	if len(a.lines) >= accessBuffer {
		select {
		case a.many <- struct{}{}:
		default:
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appendPlain appends at most accessField bytes of s, with every byte escaped that could end a field or a line.
func appendPlain(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range min(len(s), accessField) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// logRequest adds a line for a request that net/http answered.
func (s *Server) logRequest(r *http.Request, status, bytes int) {
	if s.config.Access != nil {
		visitor := s.admission.Address(r.RemoteAddr, r.Header.Values(admission.ForwardedFor))
		s.config.Access.write(accessLine{visitor, r.Method, r.RequestURI, r.Proto, r.Referer(), r.UserAgent(), status, bytes}, time.Now())
	}
}
