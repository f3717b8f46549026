package pagecache

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"vitrine/switches"
)

// Coding is a content coding of HTTP.
type Coding int

// The codings that an Encoder makes.
const (
	Identity Coding = iota
	Gzip
	Zstandard
	Brotli
	codings
)

var codingNames = [codings]string{"", "gzip", "zstd", "br"}

// Name returns the coding's name in Content-Encoding, "" for Identity.
func (c Coding) Name() string { return codingNames[c] }

const (
	codeFrom    = 1 << 10 // bytes; a body of no more fits a packet anyway
	gzipLevel   = 6
	gzipQuick   = 1
	brotliLevel = 5
)

// Encoder compresses bodies. It is safe for concurrent use.
type Encoder struct {
	level *switches.Switch // nil: normal
	gzips [2]sync.Pool     // of *gzip.Writer: normal, fast
	zstds *zstd.Encoder
}

// NewEncoder makes an Encoder. level is the switch "compression"; nil stands for its value normal.
func NewEncoder(level *switches.Switch) (*Encoder, error) {
	e := &Encoder{level: level}
	for i, n := range []int{gzipLevel, gzipQuick} {
		e.gzips[i].New = func() any {
			w, _ := gzip.NewWriterLevel(io.Discard, n) // fails for a level that there is not
			return w
		}
	}
	var err error
	e.zstds, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20))
	return e, err
}

// Levels of the switch "compression".
const (
	levelNormal = "normal"
	levelFast   = "fast"
	levelOff    = "off"
)

// Pick returns the coding for a body of a content type and a size in bytes, among those that the visitor accepts. reused tells that the
// compressed body will be served many times, so that the slowest coding, which is the smallest, pays. Short bodies and types
// that do not shrink get Identity.
func (e *Encoder) Pick(accepts Accepts, contentType string, size int, reused bool) Coding {
	if size <= codeFrom || !compressible(contentType) {
		return Identity
	}
	level := levelNormal
	if e.level != nil {
		level = e.level.Choice()
	}
	switch level {
	case levelOff:
		return Identity
	case levelFast:
		return accepts.quick
	}
	if reused {
		return accepts.best
	}
	return accepts.quick
}

// Accepts is what a visitor's Accept-Encoding allows: the best of all codings, and the best of those that are quickly made.
type Accepts struct{ best, quick Coding }

// ParseAccepts parses the fields Accept-Encoding of a request.
func ParseAccepts(fields []string) Accepts {
	return Accepts{accepted(fields, Zstandard, Brotli, Gzip), accepted(fields, Gzip)}
}

// Encode returns a body in a coding. For Identity it returns the body itself.
func (e *Encoder) Encode(c Coding, body []byte) []byte {
	switch c {
	case Gzip:
		pool := &e.gzips[0]
		if e.level != nil && e.level.Choice() == levelFast {
			pool = &e.gzips[1]
		}
		w := pool.Get().(*gzip.Writer)
		defer pool.Put(w)
		var buf bytes.Buffer
		buf.Grow(len(body) / 3)
		w.Reset(&buf)
		_, _ = w.Write(body) // a bytes.Buffer takes all
		_ = w.Close()
		return buf.Bytes()
	case Zstandard:
		return e.zstds.EncodeAll(body, make([]byte, 0, len(body)/3))
	case Brotli:
		var buf bytes.Buffer
		w := brotli.NewWriterLevel(&buf, brotliLevel)
		_, _ = w.Write(body)
		_ = w.Close()
		return buf.Bytes()
	}
	return body
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") ||
		strings.HasPrefix(contentType, "image/svg") || strings.HasPrefix(contentType, "application/javascript")
}

// accepted returns the wanted coding with the highest quality; among equals, the first one. "gzip;q=0" refuses gzip. "*" stands for gzip
// alone.
func accepted(fields []string, wanted ...Coding) Coding {
	best, most := Identity, 0.0
	for _, c := range wanted {
		if q := qualityOf(fields, codingNames[c]); q > most {
			best, most = c, q
		}
	}
	return best
}

// qualityOf returns the quality that the fields give to a coding, 0 if they do not accept it.
func qualityOf(fields []string, name string) float64 {
	star := 0.0
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			coding, params, _ := strings.Cut(one, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			switch {
			case coding == name, coding == "x-gzip" && name == codingNames[Gzip]:
				return quality(params)
			case coding == "*" && name == codingNames[Gzip]: // not all who send "*" know the others
				star = quality(params)
			}
		}
	}
	return star
}

// quality returns the parameter q, 1 if there is none, 0 if it is malformed.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
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
