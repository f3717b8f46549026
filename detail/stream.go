package detail

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"vitrine/detail/pagecache"
	"vitrine/internal/item"
)

// streams is how many responses are streamed at once: each costs a scan, and who reads slowly holds one for sitemapTime.
const streams = 4

// stream sends a response that is made while it is sent. One that fails ends with the connection, so that nobody takes what came for
// the whole.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, route string, a response) {
	select {
	case s.streaming <- struct{}{}:
		defer func() { <-s.streaming }()
	default:
		s.write(w, r, route, s.errorResponse(nil, r, response{}, fmt.Errorf("%w: %d responses are being streamed", item.ErrUnavailable, streams)))
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	zipped := pagecache.ParseAccepts(r.Header.Values("Accept-Encoding"), nil).Gzip()
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	s.metrics.answered(route, http.StatusOK, h)
	if r.Method == http.MethodHead {
		s.logRequest(r, http.StatusOK, 0)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), sitemapTime)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sitemapTime)) // else the server's own holds
	body := &counted{to: w}
	var to io.Writer = body
	end := func() error { return nil }
	if zipped {
		z := gzip.NewWriter(body)
		to, end = z, z.Close
	}
	err := a.stream(ctx, to)
	if err == nil {
		err = end()
	}
	s.logRequest(r, http.StatusOK, body.bytes)
	if err == nil {
		return
	}
	if due, skipped := s.failures.allow(time.Now()); due {
		s.config.Log.Warn("a response was cut off", "path", r.URL.EscapedPath(), "error", err, "skipped", skipped)
	}
	panic(http.ErrAbortHandler)
}

// counted counts what is written.
type counted struct {
	to    io.Writer
	bytes int
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.bytes += n
	return n, err
}
