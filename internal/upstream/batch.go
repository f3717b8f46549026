package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
	"vitrine/internal/upstream/sqlsource"
)

// batch requests several entities at once, and singly those that are missing from the answer.
func (c *Client) batch(ctx context.Context, d *catalog.Dimension, asks []Ask, which []int, answers []Answer) {
	res, got, err := c.together(ctx, d, asks, which)
	var missing []int
	for _, i := range which {
		switch body, ok := got.found[asks[i].ID]; {
		case err != nil:
			answers[i] = Answer{Err: err}
		case res.refused[asks[i].ID] != nil:
			answers[i] = Answer{Err: res.refused[asks[i].ID]}
		case int64(len(body)) > d.MaxBytes:
			answers[i] = Answer{Err: fmt.Errorf("%w: %s: %w: more than %d bytes for %.64q in a batch", item.ErrRefused, d.From.Name, errSize, d.MaxBytes, asks[i].ID)}
		case ok:
			answers[i] = Answer{Status: OK, Body: body, At: res.at, partial: res.partial, doubted: got.doubted[asks[i].ID], words: func() string { return c.words(d.From, res.status, body) }}
		default:
			missing = append(missing, i)
		}
	}
	if canSingle(d) {
		var wait sync.WaitGroup
		c.singles(ctx, &wait, d, asks, missing, answers)
		wait.Wait()
		return
	}
	for _, i := range missing {
		answers[i] = c.leftOut(d, asks[i].ID, res, got)
	}
}

// leftOut is what it means that an id is missing from a batch, and can't be asked for singly.
func (c *Client) leftOut(d *catalog.Dimension, id string, res response, got parts) Answer {
	class, why := item.ErrRefused, ""
	switch {
	case res.partial:
		class = item.ErrUnavailable
		why = "out of a batch, beside GraphQL errors, which decides nothing"
	case d.Keep:
		why = "out of a batch, which decides nothing (absent: keep)"
	case !got.whole:
		why = "out of an answer that is no batch of what was asked for, which decides nothing"
	default:
		return Answer{Status: Gone, At: res.at}
	}
	return Answer{Err: fmt.Errorf("%w: %s left %.64q %s: it %s", class, d.From.Name, id, why, c.words(d.From, res.status, res.body))}
}

// together makes the batch call and splits its answer.
func (c *Client) together(ctx context.Context, d *catalog.Dimension, asks []Ask, which []int) (response, parts, error) {
	ids := make([]string, len(which))
	escaped := make([]string, len(which))
	for k, i := range which {
		ids[k] = asks[i].ID
		escaped[k] = item.Escape(asks[i].ID)
	}
	r := request{from: d.From, pool: d.Pool, lane: most(asks, which), use: UseFetch, ids: len(ids), limit: min(d.MaxBytes*int64(len(ids)), maxBatch), timeout: d.From.Timeout, fails: d.Fails}
	if d.From.SQL != "" {
		r.selects(d.Batch, sqlsource.Query{IDs: ids, ID: strings.Join(d.IDField, "."), Batch: true}, d.Many)
	} else if d.Batch != "" {
		r.path = batchPath(d.Batch, escaped)
	} else if err := r.post(d.Post, map[string]any{"{ids}": prefixed(d.Post.Prefix, ids)}); err != nil {
		return response{}, parts{}, err
	}
	res, err := c.call(ctx, r)
	if err == nil && !res.good() {
		err = c.status(r, res) // a 404 here concerns the path, and deletes nothing
	}
	if err != nil {
		return res, parts{}, err
	}
	got, err := itemsOf(d, res.body, ids)
	switch {
	case err != nil && res.partial:
		err = fmt.Errorf("%w: %s: beside GraphQL errors: %v; it %s", item.ErrUnavailable, d.From.Name, err, c.words(d.From, res.status, res.body))
	case err != nil:
		err = c.fault(ByForm, d.From, res, r.failed(fmt.Errorf("%w; it %s", err, c.words(d.From, res.status, res.body))))
	case res.doubts != nil:
		got.doubt(d, res.doubts, ids)
	}
	return res, got, err
}

// itemsOf splits the items of a batch answer.
func itemsOf(d *catalog.Dimension, body []byte, ids []string) (parts, error) {
	if d.Items == nil {
		return split(body, d, ids)
	}
	items, err := shape.Run(d.Items, body)
	if err != nil {
		return parts{}, err
	}
	return split(items, d, ids)
}

// batchPath fills the path of a batch: {ids} becomes the ids joined by commas, and the parameter with {ids*} comes once for each id.
func batchPath(batch string, escaped []string) string {
	before, parameter, after, repeated := catalog.SplitRepeated(batch)
	if repeated {
		return before + parameter + strings.Join(escaped, "&"+parameter) + after
	}
	return path(batch, map[string]string{"ids": strings.Join(escaped, ",")})
}

// prefixed puts a prefix before each id.
func prefixed(prefix string, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = prefix + id
	}
	return out
}
