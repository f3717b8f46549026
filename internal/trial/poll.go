package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// pollBack is how far back a poll with a mark is tried.
const pollBack = 24 * time.Hour

// poll asks for the first page of a poll, and looks at its items and its mark.
func (t *trial) poll(ctx context.Context, p *catalog.Poll) {
	what, at := "poll "+p.Name, func(key string) []string { return []string{"poll", p.Name, key} }
	since, err := since(p)
	if err != nil {
		t.fail(what, at("since"), tryJQ, "since: %v", err)
		return
	}
	page, err := t.Client.Page(ctx, p.List, upstream.Position{Since: since})
	if err != nil {
		key, hint := why(p.List.From, err, "items", fetchKey(p.List.Get))
		t.fail(what, at(key), hint, "%v", err)
		return
	}
	items, err := itemsOf(p, page)
	if err != nil {
		t.fail(what, at("items"), hintOf(p, page), "%v", err)
		return
	}
	if err := tryMark(p, page, items); err != nil {
		t.fail(what, at("mark"), hintOf(p, page), "%v", err)
		return
	}
	t.pass(what, "%d items on its first page", items)
}

// itemsOf counts the items of a page, and fails if one has no id, or if a whole list has none.
func itemsOf(p *catalog.Poll, page upstream.Page) (int, error) {
	given, err := page.Read(p.Items)
	if err != nil {
		return 0, err
	}
	var items []json.RawMessage
	if json.Unmarshal(given, &items) != nil || items == nil {
		return 0, fmt.Errorf("items gives %.80s, not an array", given)
	}
	for _, it := range items {
		if _, err := item.NewEntity(p.Kind.Name, idOf(it)); err != nil {
			return 0, fmt.Errorf("items gives %.80s, which is no id, nor {id, kind, dimension, version}", it)
		}
	}
	if p.Whole && len(items) == 0 {
		return 0, errors.New("the whole list has no items")
	}
	return len(items), nil
}

// tryMark fails if a page with items gives no mark, where a poll has one: each turn would ask for the same again.
func tryMark(p *catalog.Poll, page upstream.Page, items int) error {
	if p.Mark == nil {
		return nil
	}
	out, err := page.Read(p.Mark)
	if err == nil && items > 0 && string(out) == "null" {
		err = fmt.Errorf("mark gives null for a page of %d items, so that each poll asks for the same", items)
	}
	return err
}

// errUnfit stands for what is told of a page beside it.
var errUnfit = errors.New("not what the catalog says")

// hintOf says what a page has.
func hintOf(p *catalog.Poll, page upstream.Page) string {
	_, hint := why(p.List.From, page.Refused(errUnfit), "", "")
	return hint
}

// since is what {since} stands for when a poll is tried.
func since(p *catalog.Poll) (string, error) {
	if p.Whole || p.Feed() {
		return "", nil
	}
	mark := string(p.Start)
	if mark == "" {
		mark = `"` + time.Now().Add(-pollBack).UTC().Format(time.RFC3339) + `"`
	}
	if p.Since == nil {
		return mark, nil
	}
	out, err := shape.Run(p.Since, []byte(mark))
	return string(out), err
}

// idOf returns the id that an item has or is, as it would be written in a change.
func idOf(it json.RawMessage) string {
	var named struct{ ID json.RawMessage }
	if json.Unmarshal(it, &named) == nil && len(named.ID) > 0 {
		it = named.ID
	}
	var text string
	if json.Unmarshal(it, &text) == nil {
		return text
	}
	if len(bytes.Trim(it, "-0123456789")) > 0 { // neither text nor a whole number
		return ""
	}
	return string(it)
}
