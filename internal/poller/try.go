package poller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// Tried is what one request of a poll gave.
type Tried struct {
	Items []TriedItem
	Since string // what {since} stood for, as JSON; "" for a request without it
	Mark  string // that the answer reaches, as JSON; "" for none
	Next  string // cursor of the next page, as JSON; "" for none
}

// TriedItem is an item as it would be announced.
type TriedItem struct {
	Change  item.Change
	Version item.Version // "" if the list gives none
}

// triedSince is how far back a poll is tried, so that something has changed since.
const triedSince = 24 * time.Hour

// Try asks for the first page of a poll, as its first turn would but for a mark of a day ago, and announces nothing. What a
// turn would leave out or put up with, and a catalog's author would not mean, is an error, too. key names the key of the poll that
// an error comes from; it is "" if the request itself fails.
func Try(ctx context.Context, up Upstream, cat *catalog.Catalog, p *catalog.Poll, now time.Time) (tried Tried, key string, err error) {
	at := upstream.Position{}
	switch {
	case p.Whole:
	case p.Feed():
		at.Cursor = string(p.Start)
	default:
		mark := string(p.Start)
		if mark == "" {
			mark = quote(now.Add(-triedSince))
		}
		at.Since, err = since(p, mark)
		if err != nil {
			return tried, "since", err
		}
		tried.Since = at.Since
	}
	answer, err := up.Page(ctx, p.List, at)
	if err != nil {
		return tried, "", err
	}
	r, err := read(cat, p, answer)
	if err != nil {
		var at keyError
		errors.As(err, &at)
		return tried, at.key, err
	}
	for _, it := range r.items {
		tried.Items = append(tried.Items, TriedItem{it.change, it.version})
	}
	tried.Mark, tried.Next = r.mark, r.next
	switch {
	case r.refused > 0:
		return tried, "items", answer.Refused(fmt.Errorf("%d items can't be announced: %w", r.refused, r.first))
	case p.Whole && len(r.items) == 0:
		return tried, "items", answer.Refused(errors.New("the whole list has no items"))
	case p.Mark != nil && len(r.items) > 0 && r.mark == "":
		return tried, "mark", answer.Refused(fmt.Errorf("mark gives nothing for a page of %d items, so that each poll asks for the same", len(r.items)))
	}
	return tried, "", nil
}
