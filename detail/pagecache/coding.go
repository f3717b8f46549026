package pagecache

import (
	"bytes"
	"io"
	"runtime"
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
	Dcz // zstd with a dictionary that the visitor has: RFC 9842
	codings
)

var codingNames = [codings]string{"", "gzip", "zstd", "br", "dcz"}

// Name returns the coding's name in Content-Encoding, "" for Identity.
func (c Coding) Name() string { return codingNames[c] }

// Encoding is a coding and, for Dcz alone, the dictionary.
type Encoding struct {
	Coding     Coding
	Dictionary *Dictionary
}

const (
	codeFrom = 1 << 10 // bytes; a body of no more fits a packet anyway
)

// Encoder compresses bodies. It is safe for concurrent use.
type Encoder struct {
	Dictionaries Dictionaries

	config                  EncoderConfig
	gzip, zstandard, brotli gearbox
}

// EncoderConfig is what an Encoder needs. All of it may be left out.
type EncoderConfig struct {
	Level   *switches.Switch // "compression". Defaults to its value normal
	Waiting func() float64   // pages that wait for a processor, for each. Defaults to none
	Meter   Meter            // Defaults to the clock
}

// NewEncoder makes an Encoder.
func NewEncoder(c EncoderConfig) (*Encoder, error) {
	if c.Waiting == nil {
		c.Waiting = func() float64 { return 0 }
	}
	if c.Meter == nil {
		c.Meter = byClock
	}
	e := &Encoder{config: c, gzip: gearbox{coding: Gzip}, zstandard: gearbox{coding: Zstandard}, brotli: gearbox{coding: Brotli}}
	for _, level := range []int{1, 3, 5, 6} {
		e.gzip.gears = append(e.gzip.gears, &gear{level: level, encode: pooled(func() coder {
			w, _ := gzip.NewWriterLevel(io.Discard, level) // fails for a level that there is not
			return w
		})})
	}
	for _, level := range []int{2, 5} {
		e.brotli.gears = append(e.brotli.gears, &gear{level: level, encode: pooled(func() coder { return brotli.NewWriterLevel(io.Discard, level) })})
	}
	for i, speed := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(encoders()), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
		e.zstandard.gears = append(e.zstandard.gears, &gear{level: i + 1, encode: func(body []byte) []byte {
			return w.EncodeAll(body, make([]byte, 0, len(body)/3))
		}})
	}
	return e, nil
}

// encoders is how many pages one zstd.Encoder compresses at once. It hands its states out in turn, so that more of them than processors
// only wear out the processor's cache.
func encoders() int { return min(2, runtime.GOMAXPROCS(0)) }

// coder is a writer that compresses.
type coder interface {
	io.WriteCloser
	Reset(to io.Writer)
}

// pooled compresses bodies by coders that are used again.
func pooled(newCoder func() coder) func(body []byte) []byte {
	pool := &sync.Pool{New: func() any { return newCoder() }}
	return func(body []byte) []byte {
		w := pool.Get().(coder)
		defer pool.Put(w)
		var buf bytes.Buffer
		buf.Grow(len(body) / 3)
		w.Reset(&buf)
		_, _ = w.Write(body) // a bytes.Buffer takes all
		_ = w.Close()
		return buf.Bytes()
	}
}

func (e *Encoder) gearboxes() []*gearbox { return []*gearbox{&e.gzip, &e.zstandard, &e.brotli} }

// Levels of the switch "compression".
const (
	levelNormal = "normal"
	levelFast   = "fast"
	levelOff    = "off"
)

// Off reports whether nothing is compressed.
func (e *Encoder) Off() bool { return e.choice() == levelOff }

func (e *Encoder) choice() string {
	if e.config.Level == nil {
		return levelNormal
	}
	return e.config.Level.Choice()
}

// Pick returns the encoding for a body of a content type and a size in bytes, among those that the visitor accepts. reused says that
// the compressed body will be served many times, so that the slowest coding, which is the smallest, pays. Short bodies and types
// that do not shrink get Identity.
func (e *Encoder) Pick(accepts Accepts, contentType string, size int, reused bool) Encoding {
	level := e.choice()
	if size <= codeFrom || level == levelOff || !compressible(contentType) {
		return Encoding{}
	}
	if accepts.dcz {
		if d := e.Dictionaries.ByHash(accepts.dictionary); d != nil { // it is quicker than all others, and the result is smaller
			return Encoding{Dcz, d}
		}
	}
	if reused && level != levelFast {
		return Encoding{Coding: accepts.best}
	}
	return Encoding{Coding: accepts.quick}
}

// Accepts is what a visitor's Accept-Encoding allows: of all codings, and of those that are quickly made; and the dictionary
// that the visitor has and wants to be used.
type Accepts struct {
	best, quick Coding
	dcz         bool
	dictionary  Hash
}

// ParseAccepts reads the fields Accept-Encoding and Available-Dictionary. A dictionary that is malformed, or one of several, is
// none.
func ParseAccepts(encodings, available []string) Accepts {
	a := Accepts{best: accepted(encodings, Zstandard, Brotli, Gzip), quick: accepted(encodings, Gzip)}
	if len(available) > 0 && accepted(encodings, Dcz, Zstandard, Brotli, Gzip) == Dcz {
		a.dictionary, a.dcz = parseAvailable(available)
	}
	return a
}

// Gzip reports whether gzip is accepted.
func (a Accepts) Gzip() bool { return a.quick == Gzip }

// WithoutDictionary is what a visitor accepts who has none.
func (a Accepts) WithoutDictionary() Accepts { return Accepts{best: a.best, quick: a.quick} }

// Encode returns a body in an encoding. For Identity it returns the body itself.
func (e *Encoder) Encode(by Encoding, body []byte) []byte {
	if by.Coding == Dcz {
		return by.Dictionary.encode(body)
	}
	for _, b := range e.gearboxes() {
		if b.coding == by.Coding {
			return b.encode(body, e.config.Waiting(), e.choice() == levelFast, e.config.Meter)
		}
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
