package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// request is one call.
type request struct {
	from    *catalog.Upstream
	path    string // with query, below the base URL
	body    []byte // nil: GET
	ids     int
	limit   int64         // bytes of the answer, after decompression
	timeout time.Duration // of the whole call
	etag    string
	since   string
}

// response is what came back, whole.
type response struct {
	status       int
	body         []byte
	etag         string
	lastModified string
	at           time.Time
}

// call makes one HTTP request. Errors wrap item.ErrUnavailable or item.ErrRefused and name the upstream and path.
func (c *Client) call(ctx context.Context, r request) (res response, err error) {
	leave, err := c.enter(ctx, r.from)
	if err != nil {
		return res, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	began := time.Now()
	defer func() { c.Observed(Call{r.from.Name, r.ids, res.status, time.Since(began)}) }()
	req, err := c.request(ctx, r)
	if err != nil {
		return res, fmt.Errorf("%w: %s %s: %w", item.ErrRefused, r.from.Name, r.path, err)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return res, r.failed(err)
	}
	defer answer.Body.Close()
	res = response{status: answer.StatusCode, etag: answer.Header.Get("ETag"), lastModified: answer.Header.Get("Last-Modified"), at: time.Now()}
	if res.status < 200 || res.status > 299 {
		return res, nil // its body is nobody's business
	}
	res.body, err = c.read(answer, r.limit, cancel)
	if err != nil {
		return res, r.failed(err)
	}
	return res, nil
}

func (c *Client) request(ctx context.Context, r request) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.body != nil {
		method, body = http.MethodPost, bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.from.URL+r.path, body)
	if err != nil {
		return nil, err
	}
	for name, value := range r.from.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", "vitrine")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	if r.since != "" {
		req.Header.Set("If-Modified-Since", r.since)
	}
	return req, nil
}

// errSize is an answer that says too much.
var errSize = errors.New("answer too large")

// read takes the body whole, unzipped, within its limit and without long silences.
func (c *Client) read(answer *http.Response, limit int64, cancel func()) ([]byte, error) {
	idle := time.AfterFunc(c.Idle, cancel)
	defer idle.Stop()
	var body io.Reader = &lively{answer.Body, idle, c.Idle}
	switch coding := strings.ToLower(answer.Header.Get("Content-Encoding")); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", item.ErrRefused, err)
		}
		body = unzipped
	default:
		return nil, fmt.Errorf("%w: content encoding %.40q was not asked for", item.ErrRefused, coding)
	}
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
		return nil, fmt.Errorf("%w: gzip: %w", item.ErrRefused, err)
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%w: %w: more than %d bytes", item.ErrRefused, errSize, limit)
	}
	return b, nil
}

// lively puts off the end of a call as long as something comes.
type lively struct {
	io.Reader
	idle  *time.Timer
	after time.Duration
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.idle.Reset(l.after)
	return n, err
}

// failed classes what went wrong below HTTP: refused stays, the rest is worth asking again.
func (r request) failed(err error) error {
	if errors.Is(err, item.ErrRefused) || errors.Is(err, errAddress) {
		if !errors.Is(err, item.ErrRefused) {
			err = fmt.Errorf("%w: %w", item.ErrRefused, err)
		}
		return fmt.Errorf("%s %.200s: %w", r.from.Name, r.path, err)
	}
	return fmt.Errorf("%w: %s %.200s: %w", item.ErrUnavailable, r.from.Name, r.path, err)
}

// status is the error for an answer that is neither good, gone nor unmodified.
func (r request) status(code int) error {
	class := item.ErrRefused
	switch {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		class = item.ErrUnavailable
	}
	return fmt.Errorf("%w: %s %.200s answered %d", class, r.from.Name, r.path, code)
}
