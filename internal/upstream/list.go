package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/jq"
	"vitrine/internal/shape"
)

// Position is where a list is asked for. Both fields are the JSON of a text or a number.
type Position struct {
	Cursor string // "" for the list's first
	Since  string // what {since} stands for; "" for none
}

// ErrPosition is an answer by which an upstream may mean that it does not know a position, or no longer. Such errors wrap
// item.ErrRefused, too.
var ErrPosition = errors.New("the upstream refuses where the list is asked for")

// Page is one page of a list.
type Page struct {
	Body   []byte
	cursor any // that it was asked with: nil, a string or a json.Number
	failed func(error) error
	firsts []string // of a database, the first column
	after  string   // the next cursor, unless the catalog computes it
}

// List requests one page of ids. A cursor is the JSON of a text or a number, "" the first one; next is "" at the end.
// Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
func (c *Client) List(ctx context.Context, l *catalog.List, cursor string) (ids []string, next string, err error) {
	page, err := c.Page(ctx, l, Position{Cursor: cursor})
	if err != nil {
		return nil, "", err
	}
	if l.IDs == nil {
		ids = page.firsts
	} else {
		ids, err = shape.IDs(l.IDs, page.Body)
		if err != nil {
			return nil, "", page.failed(err)
		}
	}
	next, err = page.Next(l.Next)
	if err != nil {
		return nil, "", err
	}
	return ids, next, nil
}

// Page requests one page of a list. Errors wrap item.ErrUnavailable, item.ErrRefused or item.ErrNotAsked.
func (c *Client) Page(ctx context.Context, l *catalog.List, at Position) (Page, error) {
	r := request{from: l.From, pool: l.Pool, lane: item.Refresh, use: UseList, limit: c.ListMax, timeout: l.From.Timeout, fails: l.Fails}
	given := at.Cursor != "" || at.Since != ""
	if at.Cursor == "" {
		at.Cursor = string(l.First)
	}
	cursor := cursorOf(at.Cursor)
	if err := r.page(l, cursor, cursorOf(at.Since)); err != nil {
		return Page{}, err
	}
	res, err := c.call(ctx, r)
	switch {
	case err != nil:
		return Page{}, err
	case !res.good() && given && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}, res.status):
		return Page{}, fmt.Errorf("%w: %w", ErrPosition, c.status(r, res))
	case !res.good():
		return Page{}, c.status(r, res)
	case res.partial:
		return Page{}, r.failed(fmt.Errorf("%w: GraphQL errors beside a list, which may lack ids (the list's fails can say that these don't matter): it %s", item.ErrUnavailable, c.words(l.From, res.status, res.body)))
	}
	page := Page{Body: res.body, cursor: cursor, firsts: res.firsts, failed: func(err error) error {
		return c.fault(ByForm, l.From, res, r.failed(fmt.Errorf("%w; it %s", err, c.words(l.From, res.status, res.body))))
	}}
	if l.From.SQL != "" && l.Pages() {
		page.after = after(res.firsts)
	}
	return page, nil
}

// Next computes the cursor of the next page; "" if there is none. Without q it follows from the rows of a database. Errors wrap
// item.ErrRefused.
func (p Page) Next(q *jq.Program) (next string, err error) {
	if q == nil {
		return p.after, nil
	}
	next, err = shape.Next(q, p.Body, p.cursor)
	if err != nil {
		return "", p.failed(err)
	}
	return next, nil
}

// Read runs a program on the page, and returns the JSON that it gives. Errors wrap item.ErrRefused.
func (p Page) Read(q *jq.Program) ([]byte, error) {
	out, err := shape.Run(q, p.Body)
	if err != nil {
		return nil, p.failed(err)
	}
	return out, nil
}

// Refused returns err as the error of a page that can't be used; it quotes the answer.
func (p Page) Refused(err error) error { return p.failed(fmt.Errorf("%w: %w", item.ErrRefused, err)) }

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
func (r *request) page(l *catalog.List, cursor, since any) error {
	if l.Post != nil {
		return r.post(l.Post, map[string]any{"{cursor}": cursor, "{since}": since})
	}
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return item.Escape(fmt.Sprint(v))
	}
	if l.From.SQL != "" {
		if l.Since() {
			cursor = moment(l.From.SQL, since)
		}
		r.selectsPage(l.Get, cursor)
		return nil
	}
	r.path = path(l.Get, map[string]string{"cursor": text(cursor), "since": text(since)})
	return nil
}
