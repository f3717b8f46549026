package upstream

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/item"
)

// Bounds of what is read besides the body of a good answer.
const (
	maxDrain     = 16 << 10 // bytes of the body of an answer whose status is not 2xx, and of those that words are taken from
	maxValidator = 256      // bytes of an ETag or Last-Modified
)

// validator is a header that is stored and sent back with the next request; "" if it is too long.
func validator(answer *http.Response, name string) string {
	if v := answer.Header.Get(name); len(v) <= maxValidator {
		return v
	}
	return ""
}

// The ways in which a body can be unusable.
var (
	errSize   = errors.New("answer too large")
	errSilent = errors.New("the answer stopped in its middle")
)

// read reads the whole body, decompressed, within its limit and without long pauses. Of a longer one it also returns the
// beginning.
func (c *Client) read(answer *http.Response, limit int64, giveUp func()) ([]byte, error) {
	idle := time.AfterFunc(c.Idle, giveUp)
	defer idle.Stop()
	var body io.Reader = &progressReader{answer.Body, idle, c.Idle}
	switch coding := strings.ToLower(answer.Header.Get("Content-Encoding")); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, zipped(err)
		}
		body = unzipped
	default:
		return nil, fmt.Errorf("%w: content encoding %.40q was not asked for", item.ErrRefused, coding)
	}
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, zipped(err)
	}
	if int64(len(b)) > limit {
		return b[:limit], fmt.Errorf("%w: %w: more than %d bytes", item.ErrRefused, errSize, limit)
	}
	return b, nil
}

// zipped separates invalid gzip, which will be the same the next time, from a body that ended early.
func zipped(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) {
		return fmt.Errorf("%w: gzip: %w", item.ErrRefused, err)
	}
	return err
}

// progressReader extends the time of a call as long as data arrives.
type progressReader struct {
	io.Reader
	idle  *time.Timer
	after time.Duration
}

func (l *progressReader) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.idle.Reset(l.after)
	return n, err
}
