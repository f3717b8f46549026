package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// List requests one page of ids. A cursor is the JSON of a text or a number, "" the first one; next is "" at the end.
// Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
func (c *Client) List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error) {
	r := request{from: l.From, use: UseList, limit: c.ListMax, timeout: l.From.Timeout, fails: l.Fails}
	if cursor == "" {
		cursor = string(l.First)
	}
	asked := cursorOf(cursor)
	if err := r.page(l, asked); err != nil {
		return nil, "", err
	}
	res, err := c.call(ctx, r)
	switch {
	case err != nil:
		return nil, "", err
	case !res.good():
		return nil, "", c.status(r, res)
	case res.partial:
		return nil, "", r.failed(fmt.Errorf("%w: GraphQL errors beside a list, which may lack ids (the list's fails can say that these don't matter): it %s", item.ErrUnavailable, c.words(l.From, res.status, res.body)))
	}
	ids, err = shape.IDs(l.IDs, res.body)
	if err == nil && l.Next != nil {
		next, err = shape.Next(l.Next, res.body, asked)
	}
	if err != nil {
		return nil, "", r.failed(fmt.Errorf("%w; it %s", err, c.words(l.From, res.status, res.body)))
	}
	return ids, next, nil
}

// cursorOf reads the JSON of a cursor: nil for none, a string or a json.Number. What is no JSON is a text: positions that
// earlier versions noted are.
func cursorOf(text string) any {
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return text
	}
	return v
}

// page makes the request one for the page of a list that a cursor leads to. No cursor is empty in a path, and null in JSON.
func (r *request) page(l *catalog.List, cursor any) error {
	if l.Post != nil {
		return r.post(l.Post, "{cursor}", cursor)
	}
	text := ""
	if cursor != nil {
		text = fmt.Sprint(cursor)
	}
	r.path = path(l.Get, map[string]string{"cursor": item.Escape(text)})
	return nil
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
	case !res.good():
		return nil, c.status(r, res)
	}
	body, err := shape.Compact(res.body)
	if err != nil {
		return nil, r.failed(fmt.Errorf("%w; it %s", err, c.words(l.From, res.status, res.body)))
	}
	return body, nil
}
