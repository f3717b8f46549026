package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/jq"
)

// request is one call.
type request struct {
	use     Use
	from    *catalog.Upstream
	pool    *catalog.Pool
	lane    item.Lane
	path    string // with query, below the base URL; of a database, the query
	sql     query  // of a database
	body    []byte // nil: GET
	ids     int
	limit   int64         // bytes of the answer, after decompression
	timeout time.Duration // of the whole call
	etag    string
	since   string
	fails   *jq.Program // the catalog's; nil: GraphQL errors are a failure
}

// post makes the request a POST with values in place of placeholders.
func (r *request) post(p *catalog.Post, values map[string]any) (err error) {
	r.path = p.Path
	r.body, err = fill(p, values)
	if err != nil {
		return fmt.Errorf("%w: %s %.200s: the catalog's json: %w", item.ErrRefused, r.from.Name, r.path, err)
	}
	return nil
}

// response is a complete answer.
type response struct {
	status       int
	body         []byte           // of a status other than 2xx, its beginning
	refusesToken bool             // that the request carried
	partial      bool             // GraphQL's errors beside data: what is missing may have failed
	doubts       *doubts          // what of the data failed; nil for nothing that the errors tell
	refused      map[string]error // of a batch of a database, the ids whose rows can't be used
	firsts       []string         // of a list of a database, the first column
	etag         string
	lastModified string
	at           time.Time
}

// call runs one query, or makes one HTTP request, and a second one if its token is refused with 401 and there is a newer one.
// Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked, and name the upstream and path.
func (c *Client) call(ctx context.Context, r request) (res response, err error) {
	if c.Off(r.from.Name) {
		return res, fmt.Errorf("%w: %w: %s is switched off", item.ErrUnavailable, item.ErrNotAsked, r.from.Name)
	}
	if err := c.open(r); err != nil {
		return res, err
	}
	leave, err := c.door(r.from.Name).enter(ctx, r.from, r.pool, r.lane)
	if err != nil {
		return res, err
	}
	defer leave()
	pass, err := c.admit(r)
	if err != nil {
		return res, err
	}
	caller := ctx
	defer func() { pass.note(caller, res, err) }()
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	defer func() { err = c.concealed(r.from, err) }()
	token, err := c.Token(ctx, r.from)
	if err != nil {
		return res, err
	}
	res, err = c.once(ctx, r, token)
	if token == "" || res.status == 0 {
		return res, err
	}
	k := c.keeper(r.from)
	if !res.refusesToken {
		if res.status < http.StatusInternalServerError {
			k.accept(token)
		}
		return res, err
	}
	other, failed := k.replace(ctx, token)
	switch {
	case failed != nil:
		return res, fmt.Errorf("%w; %s %s", failed, r.from.Name, c.words(r.from, res.status, res.body))
	case other == "":
		return res, err
	}
	return c.once(ctx, r, other)
}

// once runs a call's query, or makes its request, which carries a token unless that is "".
func (c *Client) once(ctx context.Context, r request, token string) (res response, err error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	began := time.Now()
	defer func() {
		c.Observed(Call{r.from.Name, nameOfPool(r.pool), r.use, r.ids, res.status, err, time.Since(began)})
	}()
	if r.from.SQL != "" {
		return c.query(ctx, r)
	}
	headers, err := c.Secrets.headers(r.from)
	if err != nil {
		return res, err
	}
	if token != "" {
		headers[r.from.Token.Header] = strings.TrimSpace(r.from.Token.Scheme + " " + token)
	}
	req, err := c.request(ctx, r, headers)
	if err != nil {
		return res, fmt.Errorf("%w: %s %s: %w", item.ErrRefused, r.from.Name, r.path, err)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return res, r.failed(err)
	}
	defer answer.Body.Close()
	res = response{status: answer.StatusCode, etag: validator(answer, "ETag"), lastModified: validator(answer, "Last-Modified"), at: time.Now()}
	limit := r.limit
	if !res.good() {
		limit = min(limit, maxDrain)
	}
	res.body, err = c.read(answer, limit, func() { giveUp(errSilent) })
	if err != nil && res.good() {
		if context.Cause(ctx) == errSilent {
			err = errSilent // "cancelled" would look like the caller's doing
		}
		return res, r.failed(err)
	}
	res.refusesToken = refusesToken(r, res)
	err = c.notNow(r, &res)
	if err == nil {
		err = c.refused(r, res)
	}
	return res, err
}

// good reports whether the upstream gives what was asked for.
func (res response) good() bool { return res.status >= 200 && res.status <= 299 }

func (c *Client) request(ctx context.Context, r request, headers map[string]string) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.body != nil {
		method = http.MethodPost
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.from.URL+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "vitrine")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept-Encoding", "gzip") // what read can decompress, whatever the catalog's headers say
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	if r.since != "" {
		req.Header.Set("If-Modified-Since", r.since)
	}
	return req, nil
}

// failed classifies an error below HTTP: a refused answer stays refused, all others may be tried again.
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
func (c *Client) status(r request, res response) error {
	class := item.ErrRefused
	if unwell(res.status) {
		class = item.ErrUnavailable
	}
	return c.fault(ByStatus, r.from, res, fmt.Errorf("%w: %s %.200s %s", class, r.from.Name, r.path, c.words(r.from, res.status, res.body)))
}
