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

	config EncoderConfig
	gears  gearbox
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
	e := &Encoder{config: c}
	for _, level := range []int{1, 3, 5, 6} {
		e.gears.add(Gzip, level, pooled(func() coder {
			w, _ := gzip.NewWriterLevel(io.Discard, level) // fails for a level that there is not
			return w
		}))
	}
	for i, speed := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(encoders()), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
		e.gears.add(Zstandard, i+1, func(body []byte) []byte { return w.EncodeAll(body, make([]byte, 0, len(body)/3)) })
	}
	for _, level := range []int{2, 5} {
		e.gears.add(Brotli, level, pooled(func() coder { return brotli.NewWriterLevel(io.Discard, level) }))
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

// Allowed are the encodings that a body may be sent in: with the dictionary, if there is one; else by one of the codings; else, if
// there are none, as it is.
type Allowed struct {
	dictionary *Dictionary
	codings    codingSet
}

// Allow returns the encodings for a body of a content type and a size in bytes that a visitor accepts. Short bodies and types that do not
// shrink stay as they are.
func (e *Encoder) Allow(accepts Accepts, contentType string, size int) Allowed {
	if size <= codeFrom || e.Off() || !compressible(contentType) {
		return Allowed{}
	}
	if accepts.dcz {
		if d := e.Dictionaries.ByHash(accepts.dictionary); d != nil { // it is quicker than all others, and the result is smaller
			return Allowed{dictionary: d}
		}
	}
	return Allowed{codings: accepts.codings}
}

// codingSet holds codings.
type codingSet uint8

func (s codingSet) has(c Coding) bool { return s&(1<<c) != 0 }

// Accepts is what a visitor's Accept-Encoding allows: of all codings those with the highest quality, and whether gzip; and the
// dictionary that the visitor has and wants to be used.
type Accepts struct {
	codings    codingSet
	gzip, dcz  bool
	dictionary Hash
}

// ParseAccepts reads the fields Accept-Encoding and Available-Dictionary. A dictionary that is malformed, or one of several, is
// none.
func ParseAccepts(encodings, available []string) Accepts {
	a := Accepts{codings: accepted(encodings, Zstandard, Brotli, Gzip), gzip: qualityOf(encodings, codingNames[Gzip]) > 0}
	if len(available) > 0 && accepted(encodings, Dcz, Zstandard, Brotli, Gzip).has(Dcz) {
		a.dictionary, a.dcz = parseAvailable(available)
	}
	return a
}

// Gzip reports whether gzip is accepted.
func (a Accepts) Gzip() bool { return a.gzip }

// WithoutDictionary is what a visitor accepts who has none.
func (a Accepts) WithoutDictionary() Accepts { return Accepts{codings: a.codings, gzip: a.gzip} }

// Encode returns a body in the encoding that pays, of those that are allowed. Where none is, it returns the body itself.
func (e *Encoder) Encode(allowed Allowed, body []byte) (Encoding, []byte) {
	switch {
	case allowed.dictionary != nil:
		return Encoding{Dcz, allowed.dictionary}, allowed.dictionary.encode(body)
	case allowed.codings == 0:
		return Encoding{}, body
	case e.choice() == levelFast:
		return e.gears.quickest(allowed.codings).run(body, e.config.Meter)
	}
	return e.gears.next(allowed.codings, e.config.Waiting()).run(body, e.config.Meter)
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") ||
		strings.HasPrefix(contentType, "image/svg") || strings.HasPrefix(contentType, "application/javascript")
}

// accepted returns the wanted codings with the highest quality. "gzip;q=0" refuses gzip. "*" stands for gzip alone.
func accepted(fields []string, wanted ...Coding) (best codingSet) {
	most := 0.0
	for _, c := range wanted {
		q := qualityOf(fields, codingNames[c])
		if q > most {
			best, most = 0, q
		}
		if q == most && q > 0 {
			best |= 1 << c
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
