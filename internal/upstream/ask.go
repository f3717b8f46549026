package upstream

import (
	"context"
	"encoding/json"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// Live requests a live part, within its deadline. params are declared parameters that were checked; a missing one is
// empty. The answer is valid JSON. Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
func (c *Client) Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Deadline)
	defer cancel()
	values := map[string]string{"id": item.Escape(id)}
	for name := range l.Vary {
		values[name] = item.Escape(params[name])
	}
	r := request{from: l.From, pool: l.Pool, lane: item.High, use: UseLive, path: path(l.Get, values), ids: 1, limit: c.LiveMax, timeout: l.Deadline, fails: l.Fails}
	res, err := c.call(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case !res.good():
		return nil, c.status(r, res)
	}
	body, err := shape.Compact(res.body)
	if err != nil {
		return nil, r.failed(fmt.Errorf("%w; it %s", err, c.words(l.From, res.status, res.body)))
	}
	return body, nil
}
