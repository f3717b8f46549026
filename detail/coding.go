package detail

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

// coding is how a body is compressed.
type coding int

const (
	identity coding = iota
	zipped
	zstandard
	brotlied
	codings
)

// names of codings, as Content-Encoding has them.
var codingNames = [codings]string{"", "gzip", "zstd", "br"}

const (
	codeFrom    = 1 << 10 // bytes: below, the body fits a packet anyway
	gzipLevel   = 6
	gzipQuick   = 1
	brotliLevel = 5
)

// encoder compresses bodies. It is safe for concurrent use.
type encoder struct {
	level *switches.Switch // nil: normal
	gzips [2]sync.Pool     // of *gzip.Writer: normal, fast
	zstds *zstd.Encoder
}

func newEncoder(level *switches.Switch) (*encoder, error) {
	e := &encoder{level: level}
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

// pick is the coding for a body of a size, of those that the visitor accepts. kept says that the result is used
// again and again, so that the best one pays.
func (e *encoder) pick(accept accepts, kind string, size int, kept bool) coding {
	if size <= codeFrom || !compressible(kind) {
		return identity
	}
	level := levelNormal
	if e.level != nil {
		level = e.level.Choice()
	}
	switch level {
	case levelOff:
		return identity
	case levelFast:
		return accept.quick
	}
	if kept {
		return accept.best
	}
	return accept.quick
}

// accepts is what a visitor's Accept-Encoding allows: of all codings, and of those that are quickly made.
type accepts struct{ best, quick coding }

func accepting(fields []string) accepts {
	return accepts{accepted(fields, zstandard, brotlied, zipped), accepted(fields, zipped)}
}

func (e *encoder) encode(c coding, body []byte) []byte {
	switch c {
	case zipped:
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
	case zstandard:
		return e.zstds.EncodeAll(body, make([]byte, 0, len(body)/3))
	case brotlied:
		var buf bytes.Buffer
		w := brotli.NewWriterLevel(&buf, brotliLevel)
		_, _ = w.Write(body)
		_ = w.Close()
		return buf.Bytes()
	}
	return body
}

func compressible(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json") ||
		strings.HasPrefix(kind, "image/svg") || strings.HasPrefix(kind, "application/javascript")
}

// accepted is the coding of the highest quality, of several alike the first in wanted. "gzip;q=0" refuses, "*"
// stands for what is not named.
func accepted(fields []string, wanted ...coding) coding {
	best, most := identity, 0.0
	for _, c := range wanted {
		if q := qualityOf(fields, codingNames[c]); q > most {
			best, most = c, q
		}
	}
	return best
}

func qualityOf(fields []string, name string) float64 {
	star := 0.0
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			coding, params, _ := strings.Cut(one, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			switch {
			case coding == name, coding == "x-gzip" && name == codingNames[zipped]:
				return quality(params)
			case coding == "*" && name == codingNames[zipped]: // of the others, not all who say "*" know them
				star = quality(params)
			}
		}
	}
	return star
}

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
