package upstream

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
	"vitrine/internal/upstream/sqlsource"
)

// Ask is an entity to fetch, with the validators of its last answer.
type Ask struct {
	ID           string
	ETag         string
	LastModified string
	Lane         item.Lane // how urgent it is; "" is item.Normal
}

func (a Ask) lane() item.Lane { return cmp.Or(a.Lane, item.Normal) }

// most is the most urgent lane of some asks.
func most(asks []Ask, which []int) item.Lane {
	lanes := item.Lanes()
	first := len(lanes) - 1
	for _, i := range which {
		first = min(first, max(0, slices.Index(lanes, asks[i].lane())))
	}
	return lanes[first]
}

// maxBatch limits the bytes of a batch answer, whatever the limits of its entities add up to.
const maxBatch = 256 << 20

// Status of an answer without an error.
type Status byte

// The statuses.
const (
	OK          Status = iota + 1
	Gone               // the upstream does not know the entity: 404, 410, or missing from a batch with absent: gone
	NotModified        // unchanged since the answer with this ETag or LastModified
)

// Answer is an upstream's answer about one entity. Err wraps item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
type Answer struct {
	Status       Status
	partial      bool          // it came with errors, so that what is missing in it may have failed
	doubted      []byte        // the body with texts in place of fields that failed; nil if there are none
	words        func() string // quotes it for an operator; nil for one that was not quoted yet
	Body         []byte        // for OK; JSON, not parsed yet
	ETag         string
	LastModified string
	At           time.Time
	Err          error
}

// Fetch requests entities of a dimension from its upstream, in batches if possible. Answers match asks by position.
// Single requests run in parallel, within the upstream's concurrency.
func (c *Client) Fetch(ctx context.Context, d *catalog.Dimension, asks []Ask) []Answer {
	answers := make([]Answer, len(asks))
	singles, batches := plan(d, asks)
	var wait sync.WaitGroup
	for _, part := range batches {
		wait.Go(func() {
			defer redact.Crash()
			c.batch(ctx, d, asks, part, answers)
		})
	}
	c.singles(ctx, &wait, d, asks, singles, answers)
	wait.Wait()
	return answers
}

// plan decides which asks go singly and which in batches. An id with a comma can't be in a list joined by commas: it
// goes singly, or, if there is no get, as a batch of one with the comma encoded.
func plan(d *catalog.Dimension, asks []Ask) (singles []int, batches [][]int) {
	var together []int
	for i, a := range asks {
		comma := strings.Contains(d.Batch, "{ids}") && d.From.SQL == "" && strings.Contains(a.ID, ",")
		switch {
		case canSingle(d) && (comma || len(asks) == 1 || !canBatch(d)):
			singles = append(singles, i)
		case comma:
			batches = append(batches, []int{i})
		default:
			together = append(together, i)
		}
	}
	return singles, slices.AppendSeq(batches, slices.Chunk(together, max(d.BatchMax, 1)))
}

// singles requests each entity by itself.
func (c *Client) singles(ctx context.Context, wait *sync.WaitGroup, d *catalog.Dimension, asks []Ask, which []int, answers []Answer) {
	for _, i := range which {
		wait.Go(func() {
			defer redact.Crash()
			answers[i] = c.single(ctx, d, asks[i])
		})
	}
}

// canSingle reports whether one entity can be requested by itself.
func canSingle(d *catalog.Dimension) bool { return d.Get != "" || d.Post != nil && !d.Post.Batch }

// canBatch reports whether several entities can be requested together.
func canBatch(d *catalog.Dimension) bool { return d.Batch != "" || d.Post != nil && d.Post.Batch }

func (c *Client) single(ctx context.Context, d *catalog.Dimension, a Ask) Answer {
	r := request{from: d.From, pool: d.Pool, lane: a.lane(), use: UseFetch, ids: 1, limit: d.MaxBytes, timeout: d.From.Timeout, etag: a.ETag, since: a.LastModified, fails: d.Fails}
	if d.From.SQL != "" {
		r.selects(d.Get, sqlsource.Query{IDs: []string{a.ID}, ID: strings.Join(d.IDField, ".")}, d.Many)
	} else if d.Get != "" {
		r.path = path(d.Get, map[string]string{"id": item.Escape(a.ID)})
	} else if err := r.post(d.Post, map[string]any{"{id}": d.Post.Prefix + a.ID}); err != nil {
		return Answer{Err: err}
	}
	res, err := c.call(ctx, r)
	answer := Answer{Body: res.body, ETag: res.etag, LastModified: res.lastModified, At: res.at, Err: err, partial: res.partial, doubted: res.doubts.single(),
		words: func() string { return c.words(d.From, res.status, res.body) }}
	switch {
	case err != nil:
	case res.status == http.StatusNotFound || res.status == http.StatusGone:
		answer.Status = Gone
	case res.status == http.StatusNotModified && (a.ETag != "" || a.LastModified != ""):
		answer.Status = NotModified
		if answer.ETag == "" && answer.LastModified == "" {
			answer.ETag = a.ETag
			answer.LastModified = a.LastModified
		}
	case res.good():
		answer.Status = OK
	default:
		answer.Err = c.status(r, res)
	}
	return answer
}
