package upstream

import (
	"context"
	"encoding/json"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// List requests one page of ids. next is "" at the end. Errors wrap item.ErrUnavailable, item.ErrRefused or
// item.ErrNotAsked.
func (c *Client) List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error) {
	r := request{from: l.From, use: UseList, path: path(l.Get, map[string]string{"cursor": item.Escape(cursor)}), limit: c.ListMax, timeout: l.From.Timeout}
	res, err := c.call(ctx, r)
	if err == nil && (res.status < 200 || res.status > 299) {
		err = r.status(res.status)
	}
	if err != nil {
		return nil, "", err
	}
	ids, err = shape.IDs(l.IDs, res.body)
	if err != nil {
		return nil, "", r.failed(err)
	}
	if l.Next == nil {
		return ids, "", nil
	}
	next, err = shape.Next(l.Next, res.body)
	if err != nil {
		return nil, "", r.failed(err)
	}
	return ids, next, nil
}

// Live requests a live part, within its deadline. params are declared parameters that were checked; a missing one is
// empty. The answer is valid JSON. Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
func (c *Client) Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Deadline)
	defer cancel()
	values := map[string]string{"id": item.Escape(id)}
	for name := range l.Vary {
		values[name] = item.Escape(params[name])
	}
	r := request{from: l.From, use: UseLive, path: path(l.Get, values), ids: 1, limit: c.LiveMax, timeout: l.Deadline}
	res, err := c.call(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case res.status < 200 || res.status > 299:
		return nil, r.status(res.status)
	}
	body, err := shape.Compact(res.body)
	if err != nil {
		return nil, r.failed(err)
	}
	return body, nil
}
