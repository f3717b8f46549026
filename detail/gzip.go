package detail

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

const (
	gzipFrom  = 1 << 10 // bytes: below, the body fits a packet anyway
	gzipLevel = 5
)

func newGzipPool() *sync.Pool {
	return &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(io.Discard, gzipLevel) // fails for a level that there is not
		return w
	}}
}

func (s *Server) zip(body []byte) []byte {
	w := s.gzip.Get().(*gzip.Writer)
	defer s.gzip.Put(w)
	var buf bytes.Buffer
	buf.Grow(len(body) / 3)
	w.Reset(&buf)
	_, _ = w.Write(body) // a bytes.Buffer takes all
	_ = w.Close()
	return buf.Bytes()
}

func compressible(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json") ||
		strings.HasPrefix(kind, "image/svg") || strings.HasPrefix(kind, "application/javascript")
}

// acceptsGzip heeds q-values: "gzip;q=0" refuses, "*" stands for what is not named.
func acceptsGzip(fields []string) bool {
	star := false
	for _, one := range strings.Split(strings.Join(fields, ","), ",") {
		coding, params, _ := strings.Cut(one, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return quality(params) > 0
		case "*":
			star = quality(params) > 0
		}
	}
	return star
}

func quality(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return 0
			}
			return q
		}
	}
	return 1
}
