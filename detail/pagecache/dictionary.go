package pagecache

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// dczMagic begins a body of Dcz: a skippable frame of zstd that holds the SHA-256 of the dictionary (RFC 9842, section 5).
const dczMagic = "\x5e\x2a\x4d\x18\x20\x00\x00\x00"

// dczWindow is the window of the frame behind it. A visitor has to provide 8 MiB, or 1.25 times the dictionary.
const dczWindow = 1 << 20

// Hash is the SHA-256 of a dictionary.
type Hash [sha256.Size]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String writes.
func ParseHash(text string) (h Hash, ok bool) {
	if len(text) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil && h.String() == text
}

// Dictionary is a page that visitors have and that other pages of its kind are compressed with. It never changes, and is safe
// for concurrent use.
type Dictionary struct {
	Body     []byte
	Hash     Hash
	Page     string               // name of the pages that it is for
	Match    string               // URLPattern of their paths
	revision string               // of the catalog and the templates that made it
	encoder  func() *zstd.Encoder // made when it is first needed: it takes some MB. The fastest level: what it has no time to find, the dictionary has
}

func newDictionary(page, match, revision string, body []byte) *Dictionary {
	d := &Dictionary{Body: body, Hash: sha256.Sum256(body), Page: page, Match: match, revision: revision}
	d.encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(0, body), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(dczWindow), zstd.WithEncoderConcurrency(encoders()), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic("zstd refuses its constant options: " + err.Error())
		}
		return e
	})
	return d
}

// encode compresses a body.
func (d *Dictionary) encode(body []byte) []byte {
	out := make([]byte, 0, len(dczMagic)+len(d.Hash)+len(body)/8)
	out = append(append(out, dczMagic...), d.Hash[:]...)
	return d.encoder().EncodeAll(body, out)
}

// parseAvailable reads the fields Available-Dictionary: one byte sequence of Structured Fields. All else is none.
func parseAvailable(fields []string) (h Hash, ok bool) {
	if len(fields) != 1 {
		return h, false
	}
	text := strings.Trim(fields[0], " ")
	if len(text) != base64.StdEncoding.EncodedLen(len(h))+2 || text[0] != ':' || text[len(text)-1] != ':' {
		return h, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text[1 : len(text)-1])
	if err != nil || len(sum) != len(h) {
		return h, false
	}
	return Hash(sum), true
}
